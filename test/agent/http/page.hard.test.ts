import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Step } from '../../doubles/claude/script.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { NO_CHROMIUM, openStatusPage, startChromium } from '../../support/chromium.ts';
import { recordRuns } from '../../support/recorded-runs.ts';
import { needs } from '../../support/needs.ts';

const HOUR = 3_600_000;
const EVIL = '<script>alert(1)</script>';
const prompts: Record<string, readonly Step[]> = { hangs: [{ do: 'hang' }] };
const LABELS = { workflow: 'a b', workflowName: 'Ask Claude', execution: '12' };

let agent: Agent;
beforeAll(async () => {
  agent = new Agent({ prompts, env: { AGENT_N8N_URL: 'https://n8n.example.com/' } });
  const ended = { queuedMs: 500, tookMs: 65_000, labels: {} };
  recordRuns(agent.stateDir, [
    { ...ended, endedAgo: 25 * HOUR, result: { outcome: 'failed', error: 'Long ago.' } },
    { ...ended, endedAgo: 23.5 * HOUR, result: { outcome: 'succeeded', costUsd: 1.5 } },
    { ...ended, endedAgo: 2.5 * HOUR, result: { outcome: 'timed_out', error: `Late. ${'x'.repeat(1000)}` } },
    { ...ended, endedAgo: 2.4 * HOUR, labels: { workflow: EVIL }, result: { outcome: 'cancelled', error: EVIL } },
    { ...ended, endedAgo: HOUR / 2, labels: LABELS, result: { outcome: 'succeeded', costUsd: 0.0123 } },
  ]);
  const login = { accessToken: 'a', refreshToken: 'r', expiresAt: Date.now() + 2.5 * HOUR, scopes: [] };
  const claudeDir = path.join(agent.folder, 'home/.claude');
  mkdirSync(claudeDir);
  writeFileSync(path.join(claudeDir, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
  await agent.start();
});
afterAll(() => agent[Symbol.asyncDispose]());
afterEach(async () => {
  const { runs } = (await (await agent.fetch('/runs')).json()) as { runs: { id: string; state: string }[] };
  for (const { id } of runs.filter(({ state }) => state !== 'ended')) {
    await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
    await untilCancelled(id);
  }
});

const send = (fields: Record<string, string>) =>
  fetch(`${agent.url}/`, { method: 'POST', body: new URLSearchParams(fields) });
/** The page without its style and script. */
const look = async (fields: Record<string, string> = {}) =>
  (await (await send({ token: TOKEN, ...fields })).text())
    .replace(/<(style|script)>.*?<\/\1>/gs, '')
    .replaceAll(/\s+/g, ' ');

async function accept(prompt: string, fields: object = {}): Promise<string> {
  const response = await agent.fetch('/runs', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ prompt, ...fields }),
  });
  return ((await response.json()) as { id: string }).id;
}

const outcomeOf = async (id: string) =>
  ((await (await agent.fetch(`/runs/${id}`)).json()) as { outcome?: string }).outcome;
const untilCancelled = (id: string) => until(async () => (await outcomeOf(id)) === 'cancelled', `${id} cancelled`);

describe('the status page without a script', () => {
  it('asks for the token and shows nothing without it', async () => {
    const shell = await (await fetch(`${agent.url}/`)).text();
    expect(shell).toContain('name="token"');
    for (const fields of [{}, { token: 'wrong' }]) {
      const response = await send(fields);
      expect(response.status).toBe(401);
      const html = await response.text();
      expect(html).toContain('name="token"');
      expect(html).not.toContain('Ask Claude');
    }
  });

  it('allows only its own script, and is not cached', async () => {
    for (const { headers } of [await fetch(`${agent.url}/`), await send({ token: TOKEN }), await send({})]) {
      const policy = headers.get('Content-Security-Policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; img-src data:;/);
      expect(policy).not.toContain('unsafe');
      expect(headers.get('Cache-Control')).toBe('no-store');
      expect(headers.get('Set-Cookie')).toBeNull();
    }
  });

  it('loads nothing from elsewhere', async () => {
    const links = [...(await look()).matchAll(/\b(?:src|href|action)="([^"]*)"/g)].map(([, url = '']) => url);
    expect(links.filter((url) => !/^(\/|data:|https:\/\/n8n\.example\.com\/)/.test(url))).toEqual([]);
  });

  it('repeats the token only if it was sent in a form', async () => {
    expect(await look()).toContain(TOKEN);
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`${agent.url}/`, { method: 'POST', headers, body: new URLSearchParams() });
    expect(response.status).toBe(200);
    expect(await response.text()).not.toContain(TOKEN);
  });

  it('shows ended runs with outcome, duration, cost, workflow and a link to the execution', async () => {
    const [, first = ''] = (await look()).split('<tr role="row" id="ended-');
    expect(first).toContain('href="https://n8n.example.com/workflow/a%20b/executions/12"');
    for (const text of ['Ask Claude', 'succeeded', '1 min 5 s', '$0.012', '0.5 s']) expect(first).toContain(text);
  });

  it('shows why a run failed, in short', async () => {
    const html = await look();
    expect(html).toContain('timed out');
    expect(html).toMatch(/Late\. x+…/);
    expect(html).not.toContain('x'.repeat(301));
  });

  it('escapes text from clients', async () => {
    const html = await look();
    expect(html).not.toContain(EVIL);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  it('counts the last day by the hour', async () => {
    const html = await look();
    const told = /aria-label="(\d+ runs? ended in the last 24 hours[^"]*)"/.exec(html)?.[1];
    expect(told).toBe(
      '4 runs ended in the last 24 hours. 23 to 24 hours ago: 1 succeeded. 2 to 3 hours ago: 1 timed out, 1 cancelled. the last hour: 1 succeeded.',
    );
  });

  it('shows where the login comes from, and when it expires', async () => {
    const html = await look();
    expect(html).toContain(path.join(agent.folder, 'home/.claude/.credentials.json'));
    expect(html).toMatch(/data-until="\d+">2 h 29 min</);
    expect(html).toContain('renewed automatically');
  });

  it('pauses with a reason and resumes', async () => {
    expect(await look({ action: 'pause', reason: 'upgrade' })).toMatch(/Paused[^]*: upgrade/);
    expect((await agent.post({ prompt: 'x' })).status).toBe(503);
    expect(await look({ action: 'resume' })).toMatch(/<title>Ready/);
  });

  it('shows running and waiting runs in order, and cancels them', async () => {
    const running = await accept('hangs');
    await until(() => agent.claude.begun().includes('hangs'), 'its beginning');
    const waiting = await accept('after that');
    const html = await look();
    expect(html).toContain('<title>Ready, 2 runs');
    expect(html.indexOf(`id="run-${running}"`)).toBeLessThan(html.indexOf(`id="run-${waiting}"`));
    expect(html).toContain('1 running, 1 of at most 100 waiting');
    await look({ action: 'cancel', id: waiting });
    await look({ action: 'cancel', id: running });
    await untilCancelled(running);
    await untilCancelled(waiting);
  });

  it('does nothing without the token', async () => {
    await send({ token: 'wrong', action: 'pause' });
    await send({ action: 'pause' });
    expect(await look()).toMatch(/<title>Ready/);
  });

  it('responds to a wrong method with the allowed ones', async () => {
    const response = await fetch(`${agent.url}/`, { method: 'PUT' });
    expect(response.status).toBe(405);
    expect(response.headers.get('Allow')).toBe('GET, HEAD, POST');
  });

  it('shows the lane of a run while it is in progress, waits, and in its details, and filters by it', async () => {
    const lane = '<i>customer</i> 7';
    const shown = 'Lane <bdi>&lt;i&gt;customer&lt;/i&gt; 7</bdi>';
    const [running, waiting] = [await accept('hangs', { lane }), await accept('waits', { lane })];
    const [, now = ''] = (await look()).split('id="current"');
    expect(now.split('id="login"')[0]?.split(shown)).toHaveLength(3);
    for (const id of [waiting, running]) {
      await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
      await untilCancelled(id);
    }
    const found = (await look({ lane })).split('id="ended-').slice(1);
    expect(found.map((row) => row.slice(0, running.length)).sort()).toEqual([running, waiting].sort());
    expect(found[0]).toContain('<dt>Lane</dt> <dd><bdi>&lt;i&gt;customer&lt;/i&gt; 7</bdi></dd>');
    expect((await look({ lane: 'customer' })).split('id="ended-')).toHaveLength(1);
  });
});

describe('the status page in a browser', needs(NO_CHROMIUM), () => {
  let browser: Browser;
  let page: Page;
  let problems: string[];
  const close: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    problems = [];
    page = await open();
    return () => Promise.all(close.splice(0).map((each) => each()));
  });

  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1100, height: 1000 }, ...options });
    close.push(() => context.close());
    const opened = await context.newPage();
    opened.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    opened.on('pageerror', (error) => problems.push(error.message));
    await openStatusPage(opened, agent.url, TOKEN);
    await opened.getByRole('heading', { name: 'Ready' }).waitFor();
    return opened;
  }

  it('shows a new run automatically, counts up, cancels it by keyboard, and obeys its own security policy', async () => {
    const id = await accept('hangs');
    const run = page.getByRole('group').filter({ hasText: id.slice(0, 8) });
    await run
      .locator('.clock')
      .filter({ hasText: /[3-9] s/ })
      .waitFor();
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: `Cancel run ${id.slice(0, 8)}` }).focus();
    await page.keyboard.press('Enter');
    await untilCancelled(id);
    await page.getByText('No runs in progress or waiting.').waitFor();
    await page.locator(`#ended-${id} .badge`).getByText('cancelled').waitFor();
    expect(await page.evaluate('document.activeElement.innerText')).toBe('Now');
    expect(problems).toEqual([]);
  });

  it('cancels nothing if the confirmation is declined', async () => {
    const id = await accept('hangs');
    page.once('dialog', (dialog) => void dialog.dismiss());
    await page.getByRole('button', { name: `Cancel run ${id.slice(0, 8)}` }).click();
    expect(await outcomeOf(id)).toBeUndefined();
  });

  it('keeps typed text and open details when it refreshes', async () => {
    await page.locator('#history summary').first().click();
    await page.getByLabel('Reason').fill('for the upgr');
    const id = await accept('hello again');
    await page.locator(`#ended-${id}`).waitFor();
    expect(await page.getByLabel('Reason').inputValue()).toBe('for the upgr');
    expect(await page.locator('#history details[open]').count()).toBe(1);
    expect(await page.evaluate('document.activeElement.id')).toBe('reason');
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('for the upgr').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('heading', { name: 'Ready' }).waitFor();
    expect(await page.title()).toMatch(/^Ready/);
  });

  it('asks for the token once per tab, and stores it nowhere else', async () => {
    await page.reload();
    await page.getByRole('heading', { name: 'Ready' }).waitFor();
    expect(await page.content()).not.toContain(TOKEN);
    expect(await page.evaluate('localStorage.length')).toBe(0);
    expect(await page.context().cookies()).toEqual([]);
    const other = await page.context().newPage();
    await other.goto(agent.url);
    await other.getByLabel('API token').waitFor();
  });

  it('asks again when the token is no longer valid', async () => {
    await page.evaluate("sessionStorage.setItem('claude-code-agent token', 'old')");
    await page.getByRole('alert').getByText('not valid').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('reports when the agent does not respond, and continues when it does', async () => {
    await page.route('**/*', (route) => route.abort());
    await page.getByRole('status').getByText('does not respond').waitFor();
    await page.unroute('**/*');
    await page.getByText('live', { exact: true }).waitFor();
  });

  it('works without scripts', async () => {
    const plain = await open({ javaScriptEnabled: false });
    await plain.getByLabel('Reason').fill('by hand');
    await plain.getByRole('button', { name: 'Pause' }).click();
    await plain.getByText('by hand').waitFor();
    await plain.getByRole('button', { name: 'Resume' }).click();
    await plain.getByRole('button', { name: 'Refresh' }).click();
    await plain.getByRole('heading', { name: 'Ready' }).waitFor();
    expect(plain.url()).not.toContain(TOKEN);
  });

  const SCREENS = [
    ['light', 1100],
    ['light', 360],
    ['dark', 360],
    ['dark', 1100],
  ] as const;
  it.each(SCREENS)('fits and can be read in %s on %i pixels', async (colorScheme, width) => {
    await accept('hangs');
    const waiting = await accept('after that');
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 1000 });
    await page.getByRole('button', { name: `Cancel run ${waiting.slice(0, 8)}` }).waitFor();
    await page.locator('#history summary').first().click();
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
  });
});
