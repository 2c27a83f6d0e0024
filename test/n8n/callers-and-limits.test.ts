import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { RunPage, RunResource } from '../../agent/http/api/run.ts';
import { missingN8n } from '../support/n8n-home.ts';
import { needs } from '../support/needs.ts';
import { eventually, outputOf, runsOf, type Execution } from './author.ts';
import { endOf } from './end-of.ts';
import { Site } from './site.ts';
import type { WorkflowNode } from './workflow-file.ts';

vi.setConfig({ maxConcurrency: 4 });

const MODEL = 'claude-sonnet-5-5';
/** Ten cents an answer, with the model above. */
const TEN_CENTS = '[[usage:{"output_tokens":10000}]]';
const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');
const callers = (...tokens: string[]) => ({
  AGENT_CALLERS: JSON.stringify([{ name: 'n8n-prod', sha256: tokens.map(sha256), may: ['run'] }]),
});
/** Restarts an agent with other settings, as an update does. */
async function update({ agent }: Site, env: Record<string, string>): Promise<void> {
  await agent.end('SIGTERM');
  Object.assign(agent.env, env);
  await agent.start();
}
/** When n8n goes on with an execution that sleeps. */
const wakesAt = ({ waitTill }: Execution) => Date.parse(waitTill ?? '');
const runsIn = async (site: Site) => ((await (await site.agent.fetch('/runs')).json()) as RunPage).runs.toReversed();

describe('callers, budgets and the usage limit', { concurrent: true, ...needs(missingN8n) }, () => {
  it(
    'a token is rotated while executions go on: none gets 401, and the older one ends',
    { timeout: 180_000 },
    async () => {
      await using site = await Site.scripted({}, callers('first'));
      const credential = await site.author.credential('Bearer first');
      const workflow = await site.author.make('ask-claude', site.input);
      const ended: Execution[] = [];
      let isDone = false;
      const loop = (async () => {
        while (!isDone) ended.push(await workflow.execute());
      })();
      const oneMore = async () => {
        const { length } = ended;
        await eventually(() => Promise.resolve(ended.length > length || undefined), 'the end of one more');
      };
      await oneMore();
      await update(site, callers('first', 'second'));
      await oneMore();
      await site.author.change(credential, 'Bearer second');
      await oneMore();
      await oneMore();
      await update(site, callers('second'));
      await oneMore();
      isDone = true;
      await loop;

      expect(ended.map(endOf)).toEqual(ended.map(() => ({ status: 'success', node: 'Answer' })));
      expect(site.relay.count(200)).toBe(ended.length);
      expect(site.relay.answered.filter(({ status }) => ![200, 503, 0].includes(status))).toEqual([]);
      expect(new Set((await runsIn(site)).map(({ caller }) => caller))).toEqual(new Set(['n8n-prod']));
      const withFirst = await site.agent.fetch('/runs', { headers: { Authorization: 'Bearer first' } });
      expect(withFirst.status).toBe(401);
      expect(JSON.stringify(ended)).not.toMatch(/Bearer (first|second)/);
    },
  );

  it('a budget is spent: the run that does it says so, and the next ones are refused with the time of the reset', async () => {
    const budgets = [{ usd: 0.15, per: 'month', label: 'workflow' }];
    await using site = await Site.real({ AGENT_MODEL: MODEL, AGENT_BUDGETS: JSON.stringify(budgets) });
    const prompt = `${TEN_CENTS} ${'[[bash:true]] '.repeat(4)} loop`;
    const workflow = await site.author.make('ask-claude', { ...site.input, prompt });
    const of = `The budget of $0.15 a month of runs with the label workflow="${workflow.id}" is spent ($0.20). It resets at `;
    expect(endOf(await workflow.execute())).toMatchObject({
      node: 'Failed',
      message: expect.stringMatching(/^Claude: failed in run /) as string,
    });
    const [stopped] = await runsIn(site);
    expect(stopped).toMatchObject({ error: expect.stringContaining(of) as string });
    expect(site.api?.messages()).toHaveLength(2);

    const refused = await workflow.execute();
    expect(endOf(refused)).toEqual({
      status: 'error',
      node: 'Ask Claude',
      message: 'The service is receiving too many requests from you',
      description: expect.stringContaining(`Budget spent: ${of}`) as string,
    });
    expect(site.relay.count(429)).toBe(5);
    expect(site.api?.messages()).toHaveLength(2);

    // The budget is that of the other workflow alone.
    const items = [1, 2].map((id) => ({ id: String(id), prompt }));
    const batch = await site.author.make('batch', { ...site.input, items });
    const sleeping = await batch.is(await batch.start(), 'waiting');
    expect(outputOf(sleeping, 'Result')).toMatchObject([{ id: '1', outcome: 'failed' }]);
    const { resetsAt } = outputOf(sleeping, 'Ask Claude')[0]?.['body'] as { resetsAt: string };
    expect(Math.abs(wakesAt(sleeping) - Date.parse(resetsAt))).toBeLessThan(60_000);
  });

  it('a usage limit that resets in time: the first run is told, the next ones wait on the agent and are answered', async () => {
    await using site = await Site.real({ AGENT_MODEL: MODEL });
    const prompt = '[[fail:usage_limit]][[times:1]][[resets:20]] limited';
    const meets = await site.author.make('ask-claude', { ...site.input, prompt, waitSeconds: 1 });
    const first = await meets.start();
    await eventually(async () => (await site.agent.health()).hold, 'the wait of the queue');
    const soon = (node: WorkflowNode): WorkflowNode =>
      node.name === 'Wait' ? { ...node, parameters: { amount: 1 } } : node;
    const polls = await site.author.make('ask-claude-long-polling', { ...site.input, prompt: 'polls' }, soon);
    const polling = await polls.execute();
    expect(endOf(polling)).toEqual({ status: 'success', node: 'Answer' });
    const seen = outputOf(polling, 'Run', 0)[0] as unknown as RunResource;
    expect(seen).toMatchObject({
      state: 'queued',
      queue: { place: 1, hold: { reason: 'usage_limit', until: expect.any(String) as string } },
    });
    const asked = await meets.ended(first);
    expect(endOf(asked)).toEqual({ status: 'success', node: 'Answer' });
    expect(runsOf(asked, 'Ask Claude')).toBe(2);
    const [limited, ...others] = await runsIn(site);
    expect(limited).toMatchObject({ outcome: 'usage_limited' });
    expect(others.map(({ state, ...run }) => 'outcome' in run && run.outcome)).toEqual(['succeeded', 'succeeded']);
    const prompts = site.api?.messages().map(({ prompt }) => prompt);
    expect(prompts?.filter((each) => each === 'polls')).toHaveLength(1);
  });

  it('a usage limit that resets later than a run may wait: it is told at once, without a prompt, and n8n sleeps', async () => {
    await using site = await Site.real({ AGENT_MODEL: MODEL });
    const limit = await site.agent.run('[[fail:usage_limit]][[resets:7200]] limited');
    expect(limit.outcome).toBe('usage_limited');
    const workflow = await site.author.make('ask-claude', { ...site.input, prompt: 'too early' });
    const sleeping = await workflow.is(await workflow.start(), 'waiting');
    const run = outputOf(sleeping, 'Run')[0];
    expect(run).toMatchObject({ outcome: 'usage_limited', resetsAt: limit.resetsAt });
    expect(Math.abs(wakesAt(sleeping) - Date.parse(limit.resetsAt ?? ''))).toBeLessThan(60_000);
    expect(site.api?.messages().map(({ prompt }) => prompt)).not.toContain('too early');
  });
});
