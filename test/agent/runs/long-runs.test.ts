import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Deadline } from '../../../agent/claude/deadline.ts';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { Agent, until } from '../../support/agent.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;

const post = (agent: Agent, path: string, fields: object) => {
  const headers = { 'Content-Type': 'application/json' };
  return agent.fetch(path, { method: 'POST', headers, body: JSON.stringify({ prompt: 'x', ...fields }) });
};
const accepted = async (agent: Agent, fields: object): Promise<RunResource> => {
  const response = await post(agent, '/runs', fields);
  expect(response.status).toBe(202);
  return (await response.json()) as RunResource;
};
const get = async (agent: Agent, id: string) => (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;

describe('a run of up to an hour', () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await Agent.start({ prompts: { holds: [{ do: 'hang' }] } });
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it.each([0, -1, 1.5, HOUR + 1, 1e15, '3600000', null, [HOUR]])(
    'is refused by POST /runs with the timeout %j',
    async (timeout) => {
      const response = await post(agent, '/runs', { timeout });
      expect(response.status).toBe(400);
      const { errors } = (await response.json()) as { errors: { field: string; message: string }[] };
      expect(errors.map(({ field }) => field)).toEqual(['timeout']);
      expect(errors[0]?.message).toContain(
        '`timeout` must be a whole number of milliseconds from 1 to 3600000; it is ',
      );
    },
  );

  it('is refused by POST /runs if it is longer, with the setting that limits it', async () => {
    expect(await (await post(agent, '/runs', { timeout: HOUR + 1 })).json()).toMatchObject({
      detail:
        '`timeout` must be a whole number of milliseconds from 1 to 3600000; it is the number 3600001. That is the limit of POST /runs here: AGENT_MAX_RUN_MINUTES (config maxRunMinutes of the stack) is 60.',
    });
  });

  it('is refused by POST /run, which names POST /runs', async () => {
    expect(await (await post(agent, '/run', { timeout: 600_001 })).json()).toMatchObject({
      detail:
        '`timeout` must be a whole number of milliseconds from 1 to 600000; it is the number 600001. That is the limit of POST /run, whose client waits. POST /runs takes up to 3600000: AGENT_MAX_RUN_MINUTES (config maxRunMinutes of the stack) is 60.',
    });
  });

  it('has its own time: what was accepted before a restart with a lower limit keeps it', async () => {
    const { id: first } = await accepted(agent, { prompt: 'holds', timeout: HOUR });
    await until(() => agent.claude.begun().length === 1);
    const { id } = await accepted(agent, { prompt: 'later', timeout: HOUR, queueTimeout: 2 * HOUR });
    await agent.end('SIGKILL');
    agent.env['AGENT_MAX_RUN_MINUTES'] = '1';
    await agent.start();
    await until(async () => (await get(agent, id)).state === 'ended', 'it ended');
    expect(await get(agent, id)).toMatchObject({ outcome: 'succeeded', request: { timeout: HOUR } });
    expect(await get(agent, first)).toMatchObject({ outcome: 'interrupted', request: { timeout: HOUR } });
    // What each process has left of its time, also where another one was started ahead.
    const left = agent.claude
      .journal()
      .flatMap((entry) => (entry.what === 'began' ? [Number(entry.env['BASH_MAX_TIMEOUT_MS'])] : []));
    expect(left).toHaveLength(2);
    for (const ms of left) expect([ms > HOUR - MINUTE, ms <= HOUR]).toEqual([true, true]);
  });

  it('with a limit of a minute is one of a minute, by default too; POST /run stays as it is', async () => {
    expect((await accepted(agent, {})).request.timeout).toBe(MINUTE);
    expect((await accepted(agent, { timeout: MINUTE })).request.timeout).toBe(MINUTE);
    expect(await (await post(agent, '/runs', { timeout: MINUTE + 1 })).json()).toMatchObject({
      detail: expect.stringContaining('AGENT_MAX_RUN_MINUTES (config maxRunMinutes of the stack) is 1.') as string,
    });
    expect(await agent.run('ten minutes', { timeout: 600_000 })).toMatchObject({ success: true });
  });
});

describe('the deadline of a long run', () => {
  afterEach(() => void vi.useRealTimers());

  it('is past after its time and not before, also after a day', () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    const past = vi.fn();
    new Deadline(performance.now() + 24 * HOUR, past);
    vi.advanceTimersByTime(24 * HOUR - 1);
    expect(past).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(past).toHaveBeenCalledOnce();
  });
});
