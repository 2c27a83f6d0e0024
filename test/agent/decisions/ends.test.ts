import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Receiver } from '../../doubles/receiver/server.ts';
import { until } from '../../support/agent.ts';
import { contentOf, DecidedAgent } from './deciding.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const CLOSED = { by: 'end of the run', allowed: false, decidedAt: expect.any(String) as string };

describe('a run that waits for a decision', () => {
  let agent: DecidedAgent;
  let receiver: Receiver;
  let file: string;
  beforeEach(async () => {
    receiver = await Receiver.start();
    agent = new DecidedAgent(api, { AGENT_CALLBACK_HOSTS: receiver.host, AGENT_GRACE_SECONDS: '0' });
    await agent.start();
    file = agent.file('made');
  });
  afterEach(async () => {
    await agent[Symbol.asyncDispose]();
    await receiver.stop();
  });
  const wait = async (fields: object = {}) => {
    const id = await agent.submit(`[[bash:touch ${file}]] x`, { approve: ['Bash'], ...fields });
    const [decision] = await agent.asked(id);
    return { id, decisionId: decision?.id ?? '' };
  };

  it('is cancelled, which allows nothing', async () => {
    const { id, decisionId } = await wait();
    expect((await agent.fetch(`/runs/${id}`, { method: 'DELETE' })).status).toBe(202);
    expect((await agent.decide(id, decisionId, { allow: true })).status).toBe(409);
    expect(await agent.ended(id)).toMatchObject({ outcome: 'cancelled', decisions: [CLOSED] });
    const late = await agent.decide(id, decisionId, { allow: true });
    expect(late.status).toBe(409);
    expect(await late.json()).toMatchObject({ detail: expect.stringContaining('end of the run') as string });
    expect(contentOf(file)).toBeUndefined();
  });

  it('is interrupted by a shutdown, and the decision by a restart', async () => {
    const { id, decisionId } = await wait();
    expect(await agent.end('SIGTERM')).toBe(0);
    await agent.start();
    expect(await agent.get(id)).toMatchObject({ state: 'ended', outcome: 'interrupted', decisions: [CLOSED] });
    expect((await agent.decide(id, decisionId, { allow: true })).status).toBe(409);
    expect(contentOf(file)).toBeUndefined();
  });

  it('is interrupted by a crash, and can be continued, which asks again', async () => {
    const { id, decisionId } = await wait();
    await agent.crash();
    const run = await agent.get(id);
    expect(run).toMatchObject({ state: 'ended', outcome: 'interrupted', decisions: [{ id: decisionId, ...CLOSED }] });
    expect(contentOf(file)).toBeUndefined();
    const { sessionId } = run;
    const again = await agent.submit(`[[bash:echo again > ${file}]] x`, { approve: ['Bash'], sessionId });
    await agent.next(again, { allow: true });
    expect(await agent.ended(again)).toMatchObject({ outcome: 'succeeded' });
    expect(contentOf(file)).toBe('again\n');
  });

  it('tells its callback URL of each decision, and then of its end', async () => {
    const { id, decisionId } = await wait({ callbackUrl: receiver.url('/hook') });
    await until(() => receiver.at('/hook').length === 1, 'the first message');
    await agent.next(id, { allow: false });
    await agent.ended(id);
    await until(() => receiver.at('/hook').length === 2, 'the second message');
    const [needs, ended] = receiver.at('/hook');
    expect(needs?.headers).toMatchObject({ 'webhook-id': `run_needs_decision_${decisionId}` });
    expect(JSON.parse(needs?.body ?? '')).toMatchObject({
      type: 'run.needs_decision',
      data: { id, state: 'waiting', decision: { id: decisionId, tool: 'Bash' } },
    });
    expect(JSON.parse(ended?.body ?? '')).toMatchObject({ type: 'run.ended', data: { id, outcome: 'succeeded' } });
  });

  it('is told to a watcher that comes late, and its time does not run out', async () => {
    const { id, decisionId } = await wait({ timeout: 5000 });
    const begun = Date.now();
    const events = await agent.fetch(`/runs/${id}/events`);
    await until(() => Date.now() - begun > 5100, 'longer than the run may take');
    await agent.next(id, { allow: true });
    const text = await events.text();
    expect(text).toMatch(new RegExp(`event: decision\\ndata: {"id":"${decisionId}"[^\\n]*"askedAt":"[^"]+"}`));
    expect(text).toMatch(/event: decision\ndata: [^\n]*"allowed":true/);
    expect(await agent.ended(id)).toMatchObject({ outcome: 'succeeded' });
    expect(contentOf(file)).toBe('');
    const settings = path.join(agent.stateDir, `decisions/${id}.json`);
    await until(() => contentOf(settings) === undefined, 'its settings are removed');
  });
});
