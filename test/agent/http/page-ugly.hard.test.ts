import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, type Outcome } from '../../../agent/contract.ts';
import type { Status } from '../../../agent/http/page/status.ts';
import { headlineOf } from '../../../agent/http/page/summary.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { NO_CHROMIUM, openStatusPage, startChromium } from '../../support/chromium.ts';
import { recordRuns, type RecordedRun } from '../../support/recorded-runs.ts';
import { needs } from '../../support/needs.ts';

const HOUR = 3_600_000;
const WAITING = 105;
const OUTCOMES = Object.keys(EXIT_CODES) as Outcome[];
const LONG = 'A name of many words '.repeat(20).slice(0, 256);
const NAMES = ['x'.repeat(256), LONG, 'مرحبا بالعالم (1)', '👩‍👩‍👧‍👦 family', '<b>bold</b>', 'Ask Claude', ' ', '"\'&'];
const USAGE = {
  inputTokens: 1_234_567,
  outputTokens: 89_012,
  cacheReadInputTokens: 9_876,
  cacheCreationInputTokens: 0,
};

function uglyRun(i: number): RecordedRun {
  const outcome = OUTCOMES[i % OUTCOMES.length] ?? 'failed';
  const workflowName = NAMES[(i + 2) % NAMES.length] ?? '';
  const labels = { workflow: `id-${i % 8}`, workflowName, execution: i === 79 ? 'e'.repeat(256) : String(i) };
  const error = i % 2 === 0 ? `Run ${i}: ${'long '.repeat(100)}` : 'y'.repeat(400);
  const result = {
    ...(outcome !== 'succeeded' && { error }),
    costUsd: i / 1000,
    usage: USAGE,
    model: 'claude-opus-5-5',
  };
  return { endedAgo: (80 - i) * (HOUR / 8), queuedMs: 10, tookMs: 65_000, labels, result: { outcome, ...result } };
}

let agent: Agent;
beforeAll(async () => {
  const env = {
    AGENT_N8N_URL: 'https://n8n.example.com',
    AGENT_QUEUE_LIMIT: String(WAITING),
    AGENT_BUDGETS: JSON.stringify([
      { usd: 123_456, per: 'month' },
      { usd: 0.5, per: 'month', label: 'workflowName' },
    ]),
  };
  agent = new Agent({ prompts: { hangs: [{ do: 'hang' }] }, env, checksAnswers: false });
  recordRuns(
    agent.stateDir,
    Array.from({ length: 80 }, (_, i) => uglyRun(i)),
  );
  const login = { accessToken: 'a', refreshToken: 'r', expiresAt: Date.now() + 2.5 * HOUR, scopes: [] };
  const claudeDir = path.join(agent.folder, 'home/.claude');
  mkdirSync(claudeDir);
  writeFileSync(path.join(claudeDir, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
  await agent.start();
  for (let i = 0; i <= WAITING; i++) {
    const labels = { workflow: `w${i}`, workflowName: NAMES[i % NAMES.length], execution: String(i) };
    const body = JSON.stringify({ prompt: 'hangs', labels });
    await agent.fetch('/runs', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  }
  await until(() => agent.claude.begun().includes('hangs'), 'the beginning of a run');
});
afterAll(() => agent[Symbol.asyncDispose]());

const look = async (fields: Record<string, string> = {}) =>
  (
    await (
      await fetch(`${agent.url}/`, { method: 'POST', body: new URLSearchParams({ token: TOKEN, ...fields }) })
    ).text()
  )
    .replace(/<(style|script)>.*?<\/\1>/gs, '')
    .replaceAll(/\s+/g, ' ');
const endedIn = (html: string) => html.split('id="ended-').slice(1);

describe('the status page with ugly data', () => {
  it('does not show an agent with a full queue as ready', async () => {
    const html = await look();
    expect(html).toMatch(/<title>Queue full, 106 runs/);
    expect(html).toContain('id="summary" class="waits"');
    expect(html).not.toContain('Ready');
  });

  it('agrees with /ready and POST /run: an agent with a full queue is ready, and refuses runs itself', async () => {
    expect((await agent.fetch('/ready')).status).toBe(200);
    expect((await agent.post({ prompt: 'x' })).status).toBe(429);
  });

  it('shows an idle agent as ready even if its queue limit is 0', () => {
    const load = { active: 0, busy: 0, slots: 1, queued: 0, limit: 0 };
    const status = { login: { state: 'ok', detail: '' }, load } as Status;
    expect(headlineOf(status).state).toBe('Ready');
    expect(headlineOf({ ...status, load: { ...load, active: 1 } }).state).toBe('Queue full');
    expect(headlineOf({ ...status, load: { ...load, active: 1, slots: 2 } }).state).toBe('Ready');
    const full = headlineOf({ ...status, workspaceProblem: 'The workspace takes 2 MB.' });
    expect(full).toEqual({ tone: 'badly', state: 'Workspace full', why: 'The workspace takes 2 MB.' });
  });

  it('folds the queue after the first five runs', async () => {
    const [open = '', folded = ''] = (await look()).split('<details id="queue-rest">');
    expect(open.match(/data-label="Place">/g)).toHaveLength(1 + 5);
    expect(folded).toContain('95 more waiting runs');
    expect(folded.match(/<td role="cell" data-label="Place">/g)).toHaveLength(95);
    expect(folded).toContain('5 more runs behind them.');
  });

  it('fills each outcome of the chart with a pattern of its own', async () => {
    const html = await look();
    const drawn = [...html.matchAll(/<pattern id="pattern-(\w+)".*?<\/pattern>/g)];
    expect(drawn.map(([, outcome]) => outcome)).toEqual(expect.arrayContaining(OUTCOMES));
    expect(new Set(drawn.map(([pattern]) => /<path d="([^"]*)"/.exec(pattern)?.[1])).size).toBe(OUTCOMES.length);
    const [, chart = ''] = html.split('class="chart"');
    const [, legend = ''] = html.split('class="legend"');
    for (const outcome of OUTCOMES) {
      expect(chart).toMatch(new RegExp(`class="part"[^>]*fill="url\\(#pattern-${outcome}\\)"`));
      expect(legend).toContain(`fill="url(#pattern-${outcome})"`);
    }
  });

  it('separates the digits of tokens, and shows cached ones', async () => {
    expect(await look()).toContain('1,234,567 in, 89,012 out; cache: 9,876 read, 0 written');
  });

  it('filters ended runs by outcome, workflow and text, and all of them', async () => {
    const failed = endedIn(await look({ outcome: 'failed' }));
    expect(failed).toHaveLength(10);
    for (const row of failed) expect(row).toMatch(/failed<\/span>/);
    expect(endedIn(await look({ workflow: 'ask claude' }))).toHaveLength(10);
    expect(endedIn(await look({ workflow: 'id-3' }))).toHaveLength(10);
    expect(endedIn(await look({ text: 'RUN 42:' }))).toHaveLength(1);
    expect(endedIn(await look({ outcome: 'auth_failed', text: 'run 42:' }))).toHaveLength(1);
    const none = await look({ outcome: 'failed', text: 'run 42:' });
    expect(endedIn(none)).toEqual([]);
    expect(none).toContain('No runs found.');
    expect(
      endedIn(await look({ outcome: 'nonsense', text: ' ', workflow: 'x'.repeat(300), before: '-1' })),
    ).toHaveLength(50);
  });

  it('keeps the filter in every form except the one that clears it', async () => {
    const forms = (await look({ text: '"run" 4', outcome: 'failed' })).match(/<form.*?<\/form>/g) ?? [];
    const kept = forms.filter((form) => form.includes('name="text" value="&quot;run&quot; 4"'));
    const [chosen = '', ended = '', ...more] = forms.filter(
      (form) => !form.includes('<input type="hidden" name="text"'),
    );
    expect(kept.length).toBeGreaterThan(100);
    expect(chosen).toContain('value="failed" selected');
    expect(ended).toContain('Show all');
    expect(more).toEqual([]);
  });

  it('leads to older runs and back', async () => {
    const first = await look();
    const [, before = ''] = /name="before" value="(\d+)" \/> <button>Older/.exec(first) ?? [];
    const second = await look({ before });
    expect(endedIn(second)).toHaveLength(30);
    expect(second).toContain('<button>Newest');
    expect(second).not.toContain('<button>Older');
  });
});

interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly width: number;
  readonly height: number;
}

describe('the same in a browser', needs(NO_CHROMIUM), () => {
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    browser = await startChromium();
    page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    await openStatusPage(page, agent.url, TOKEN);
    await page.getByRole('heading', { name: 'Queue full' }).waitFor();
  });
  afterAll(() => browser.close());

  const boxes = (selector: string) =>
    page.evaluate<Box[]>(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].map((each) => each.getBoundingClientRect().toJSON())`,
    );

  it.each([1280, 390])('shows the whole heading of the chart next to eight outcomes, on %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 1000 });
    const [heading, legend] = await boxes('#day h2, #day .legend');
    expect(heading?.height).toBeLessThan(40);
    expect(heading?.width).toBeGreaterThan(100);
    expect(legend?.height).toBeLessThan(width === 1280 ? 80 : 200);
    expect((await boxes('#day .legend .badge')).length).toBe(8);
  });

  it.each([1280, 390])('cuts long names after two lines, and shows them in full on hover, on %i', async (width) => {
    await page.setViewportSize({ width, height: 1000 });
    for (const { height } of await boxes('.name')) expect(height).toBeLessThan(60);
    const title = await page
      .locator('#history .name', { hasText: LONG.slice(0, 30) })
      .first()
      .getAttribute('title');
    expect(title).toBe(LONG);
  });

  it.each([1280, 390])('does not cover other rows with the details of a run, on %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 1000 });
    for (const i of [0, 1, 2]) await page.locator('#history summary').nth(i).click();
    const rows = await boxes('#history tbody tr');
    const facts = await boxes('#history [open] dl');
    expect(facts).toHaveLength(3);
    for (const [i, { top, bottom, width: wide }] of facts.entries()) {
      expect(top).toBeGreaterThan(rows[i]?.top ?? Infinity);
      expect(bottom).toBeLessThanOrEqual(rows[i + 1]?.top ?? 0);
      expect(wide).toBeGreaterThan(width * 0.7);
    }
    for (const i of [0, 1, 2]) await page.locator('#history summary').nth(i).click();
  });

  it('keeps the filter when it refreshes, and keeps text that is being typed', async () => {
    await page.setViewportSize({ width: 1280, height: 1000 });
    await page.getByLabel('Outcome').selectOption('failed');
    await page.getByLabel('Text').fill('claude-opus');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '10 ended runs found' }).waitFor();
    await page.getByLabel('Workflow').fill('half a na');
    for (let look = 0; look < 2; look++) {
      await page.waitForResponse((response) => response.request().method() === 'POST');
    }
    expect(await page.getByLabel('Workflow').inputValue()).toBe('half a na');
    expect(await page.locator('#history tbody tr').count()).toBe(10);
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByRole('heading', { name: 'The last 50 ended runs' }).waitFor();
    expect(await page.getByLabel('Text').inputValue()).toBe('');
  });

  it.each([
    ['light', 1280],
    ['dark', 390],
  ] as const)('fits and can be read in %s on %i pixels, opened', async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 1000 });
    const opened = '#queue-rest, #history tr:nth-child(-n + 3) details';
    await page.evaluate(`document.querySelectorAll('${opened}').forEach((each) => (each.open = true))`);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
  });
});
