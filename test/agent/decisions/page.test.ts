import axe, { type AxeResults } from 'axe-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnyRun } from './deciding.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { NO_CHROMIUM, openStatusPage, startChromium } from '../../support/chromium.ts';
import { needs } from '../../support/needs.ts';

/** What the CLI asks; this double does not care about the answer. */
const asks = (tool_name: string, input: object) => ({
  do: 'event' as const,
  event: {
    type: 'control_request',
    request_id: tool_name,
    request: { subtype: 'can_use_tool', tool_name, input, decision_reason_type: 'rule' },
  },
});
const EVIL = '<script>alert(1)</script>\u202E';
const WIDE = 'y'.repeat(200);
const options = ['Red', 'Blue'].map((label) => ({ label, description: '' }));
const QUESTIONS = {
  questions: [
    { question: 'Which colour?', header: '', options, multiSelect: false },
    { question: 'Which colours?', header: '', options, multiSelect: true },
  ],
};

const WIDE_QUESTIONS = {
  questions: [{ ...QUESTIONS.questions[0], question: WIDE, options: [...options, { label: WIDE, description: '' }] }],
};

describe('the status page', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({
      env: { AGENT_PERMISSION_MODE: 'acceptEdits', AGENT_RUNNERS: 'local:2' },
      prompts: {
        two: [asks('Bash', { command: EVIL }), asks('WebFetch', { url: 'https://example.org' }), { do: 'hang' }],
        question: [asks('AskUserQuestion', QUESTIONS), { do: 'hang' }],
        wide: [asks('AskUserQuestion', WIDE_QUESTIONS), asks('Bash', { command: WIDE }), { do: 'hang' }],
      },
    });
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  const get = async (id: string) => (await (await agent.fetch(`/runs/${id}`)).json()) as AnyRun;
  const send = async (fields: Record<string, string> = {}) => {
    const body = new URLSearchParams({ token: TOKEN, ...fields });
    const page = await (await fetch(`${agent.url}/`, { method: 'POST', body })).text();
    return page.replace(/<(style|script)>.*?<\/\1>/gs, '').replaceAll(/\s+/g, ' ');
  };
  const waits = async (prompt: string, count: number) => {
    const id = await agent.submit(prompt, { approve: ['Bash', 'WebFetch'], askQuestions: true });
    await until(async () => (await get(id)).decisions?.length === count, `${count} decisions`);
    return { id, decisions: (await get(id)).decisions?.map((each) => each.id) ?? [] };
  };

  it('shows what a run waits for, and allows and denies it', async () => {
    const { id, decisions } = await waits('two', 2);
    const [bash = '', fetching = ''] = decisions;
    const page = await send();
    expect(page).toContain('Waiting for a decision');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}');
    expect(page).not.toContain('<script>alert(1)');
    expect(page).toContain('The run keeps its slot, and its time stands still.');

    await send({ action: 'allow', id, decision: bash });
    expect(await get(id)).toMatchObject({ state: 'waiting', decisions: [{ allowed: true, by: 'operator' }, {}] });
    const after = await send({ action: 'deny', id, decision: fetching, reason: 'no network' });
    expect(after).not.toContain('Waiting for a decision');
    expect(await get(id)).toMatchObject({
      state: 'running',
      decisions: [{ allowed: true }, { allowed: false, message: 'no network' }],
    });
    expect(await send({ action: 'allow', id, decision: fetching })).toContain('The call was not allowed.');
    expect(await get(id)).toMatchObject({ decisions: [{}, { allowed: false }] });
    await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
  });

  it('shows a question with its choices, and takes answers', async () => {
    const { id, decisions } = await waits('question', 1);
    const [decision = ''] = decisions;
    const page = await send();
    for (const text of ['Which colour?', 'type="radio" name="answer-0" value="Red"', 'name="answer-1-1" value="Blue"'])
      expect(page).toContain(text);
    const incomplete = await send({ action: 'answer', id, decision, 'answer-0': 'Red' });
    expect(incomplete).toContain('has no answer to');
    expect(await get(id)).toMatchObject({ state: 'waiting' });
    await send({ action: 'answer', id, decision, 'answer-0': 'Red', 'answer-1-0': 'Red', 'answer-1-1': 'Blue' });
    expect(await get(id)).toMatchObject({
      state: 'running',
      decisions: [{ allowed: true, answers: { 'Which colour?': 'Red', 'Which colours?': ['Red', 'Blue'] } }],
    });
    await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
  });

  it('keeps a choice while it refreshes, and fits a narrow screen', needs(NO_CHROMIUM), async () => {
    const { id } = await waits('wide', 2);
    await using browser = await startChromium();
    const page = await browser.newPage({ viewport: { width: 390, height: 900 } });
    const problems: string[] = [];
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await openStatusPage(page, agent.url, TOKEN);
    await page.getByRole('radio', { name: 'Blue' }).check();
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await page.evaluate(axe.source);
    expect((await page.evaluate<AxeResults>('axe.run()')).violations).toEqual([]);
    await page.getByRole('button', { name: /^Allow Bash/ }).click();
    await page.locator('#decisions pre').waitFor({ state: 'detached' });
    expect(await page.getByRole('radio', { name: 'Blue' }).isChecked()).toBe(true);
    await page.getByRole('button', { name: /^Answer/ }).click();
    await page.locator('#decisions').waitFor({ state: 'detached' });
    expect((await get(id)).decisions).toMatchObject([{ answers: { [WIDE]: 'Blue' } }, { allowed: true }]);
    expect(problems).toEqual([]);
    await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
  });

  it('shows no decisions without the token', async () => {
    const { id, decisions } = await waits('two', 2);
    const response = await fetch(`${agent.url}/`, {
      method: 'POST',
      body: new URLSearchParams({ action: 'allow', id, decision: decisions[0] ?? '' }),
    });
    expect(response.status).toBe(401);
    expect(await get(id)).toMatchObject({ state: 'waiting', decisions: [{ tool: 'Bash' }, {}] });
    expect((await get(id)).decisions?.[0]).not.toHaveProperty('decidedAt');
    await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
  });
});
