import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { deadlineOf, remainingWaitMs, type Run } from '../../../agent/store/run.ts';
import { Agent, until } from '../../support/agent.ts';

/** So short that a run with it times out as soon as it starts. */
const NEXT_TO_NOTHING = 1;
const LONG = 60_000;

let agent: Agent;
beforeEach(async () => {
  agent = await Agent.start({ prompts: { holds: [{ do: 'hang' }], hangs: [{ do: 'hang' }] } });
});
afterEach(() => agent[Symbol.asyncDispose]());

const send = async (prompt: string, fields: object = {}): Promise<RunResource> => {
  const headers = { 'Content-Type': 'application/json' };
  const response = await agent.fetch('/runs', { method: 'POST', headers, body: JSON.stringify({ prompt, ...fields }) });
  return (await response.json()) as RunResource;
};
const get = async (id: string) => (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
const ended = async (id: string) => {
  await until(async () => (await get(id)).state === 'ended', `${id} ended`);
  return get(id);
};
const cancel = (id: string) => agent.fetch(`/runs/${id}`, { method: 'DELETE' });

describe('a run with a queueTimeout', () => {
  it('does not use up its timeout while it waits, and has it from its start on', async () => {
    const { id: first } = await send('holds');
    const { id, request } = await send('hangs', { timeout: NEXT_TO_NOTHING, queueTimeout: LONG });
    expect(request).toMatchObject({ timeout: NEXT_TO_NOTHING, queueTimeout: LONG });
    const without = await ended((await send('hangs', { timeout: NEXT_TO_NOTHING })).id);
    expect(without).toMatchObject({ outcome: 'timed_out' });
    expect(without).not.toHaveProperty('startedAt');
    expect(await get(id)).toMatchObject({ state: 'queued' });
    await cancel(first);
    expect(await ended(id)).toMatchObject({ outcome: 'timed_out', startedAt: expect.any(String) as string });
  });

  it('times out when it has waited that long, and is then not started', async () => {
    const { id: first } = await send('holds');
    const answer = await agent.run('late', { queueTimeout: 100 });
    expect(answer).toMatchObject({ success: false, outcome: 'timed_out', exitCode: 124 });
    expect(answer.error).toContain('waiting in the queue');
    expect(answer.queuedMs).toBe(answer.duration);
    await cancel(first);
    await agent.run('after');
    expect(agent.claude.begun()).toEqual(['holds', 'after']);
  });

  it('that was waiting when the agent was killed still has its timeout from its start on', async () => {
    await send('holds');
    await until(() => agent.claude.begun().length === 1);
    const { id } = await send('hangs', { timeout: NEXT_TO_NOTHING, queueTimeout: LONG });
    const { id: late } = await send('hangs', { queueTimeout: 1000 });
    await agent.end('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await agent.start();
    expect(await ended(id)).toMatchObject({ outcome: 'timed_out', startedAt: expect.any(String) as string });
    expect(await ended(late)).toMatchObject({ outcome: 'timed_out' });
    expect(await get(late)).not.toHaveProperty('startedAt');
  });

  it.each([0, 86_400_001, 1.5, '5000', null])('%j is refused', async (queueTimeout) => {
    const response = await agent.post({ prompt: 'x', queueTimeout });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      detail: expect.stringContaining(
        '`queueTimeout` must be a whole number of milliseconds from 1 to 86400000',
      ) as string,
    });
  });
});

describe('the deadline that people see', () => {
  const acceptedAt = '2026-01-31T12:00:00.000Z';
  const at = Date.parse(acceptedAt);
  const run = (timeouts: object, startedAt?: string) =>
    ({ acceptedAt, request: timeouts, ...(startedAt !== undefined && { startedAt }) }) as Run;

  it.each([
    ['waits', run({ timeoutMs: 60_000 }), 60_000],
    ['has started', run({ timeoutMs: 60_000 }, '2026-01-31T12:00:10.000Z'), 60_000],
    ['waits with a queue timeout', run({ timeoutMs: 60_000, queueTimeoutMs: 5000 }), 5000],
    ['has started with one', run({ timeoutMs: 60_000, queueTimeoutMs: 5000 }, '2026-01-31T12:00:03.000Z'), 63_000],
  ])('of a run that %s', (_, seen, after) => {
    expect(deadlineOf(seen) - at).toBe(after);
  });

  it('of a run that waited in an earlier process is never later than when it was accepted', () => {
    const ahead = { ...run({ timeoutMs: 60_000, queueTimeoutMs: 5000 }), acceptedAt: '2999-01-31T12:00:00.000Z' };
    expect([remainingWaitMs(ahead), remainingWaitMs(run({ timeoutMs: 60_000 }))]).toEqual([5000, 0]);
  });
});
