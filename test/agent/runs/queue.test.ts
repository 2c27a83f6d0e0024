import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent, until } from '../../support/agent.ts';

const SLOW = [
  { do: 'wait', ms: 400 },
  { do: 'result', text: 'slow' },
] as const;

let agent: Agent;
beforeEach(async () => {
  agent = await Agent.start({ prompts: { slow: SLOW }, env: { AGENT_QUEUE_LIMIT: '3' } });
});
afterEach(() => agent[Symbol.asyncDispose]());

const queued = (count: number) => until(async () => (await agent.health()).queued === count, `${count} queued`);

/** The events of processes that got a prompt. */
const prompted = () =>
  agent.claude.journal().flatMap(({ what, prompt }) => (prompt === '' ? [] : [`${what} ${prompt}`]));

/** The client of a run gets its response before the process has ended. */
const ended = (prompt: string) => until(() => prompted().includes(`ended ${prompt}`), `the end of ${prompt}`);

describe('the queue', () => {
  it('runs one at a time, first come, first served', async () => {
    const answers = [agent.run('slow')];
    for (const [place, prompt] of ['a', 'b', 'c'].entries()) {
      await queued(place);
      answers.push(agent.run(prompt));
    }
    await queued(3);
    expect(await agent.health()).toMatchObject({ activeRequests: 1, queued: 3 });
    expect((await Promise.all(answers)).every(({ success }) => success)).toBe(true);

    await ended('c');
    expect(prompted()).toEqual(['slow', 'a', 'b', 'c'].flatMap((prompt) => [`began ${prompt}`, `ended ${prompt}`]));
  });

  it('refuses further runs with 429 and Retry-After when it is full, and starts nothing for them', async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) => agent.post({ prompt: i === 0 ? 'slow' : `p${i}` })),
    );
    const refused = all.filter(({ status }) => status === 429);
    expect(all.filter(({ status }) => status === 200)).toHaveLength(4);
    expect(refused).toHaveLength(16);
    expect(refused.every(({ headers }) => Number(headers.get('Retry-After')) > 0)).toBe(true);
    expect(agent.claude.begun()).toHaveLength(4);
  });

  it('counts the timeout from acceptance: a run can time out while it waits, and is then not started', async () => {
    const slow = agent.run('slow');
    await until(() => agent.claude.begun().length === 1);
    const answer = await agent.run('late', { timeout: 100 });
    expect(answer).toMatchObject({ success: false, outcome: 'timed_out', exitCode: 124 });
    expect(answer.queuedMs).toBe(answer.duration);
    await slow;
    expect(agent.claude.begun()).toEqual(['slow']);
  });

  it('drops a waiting run whose client disconnects', async () => {
    const slow = agent.run('slow');
    await until(() => agent.claude.begun().length === 1);
    const client = new AbortController();
    const left = agent.post({ prompt: 'left' }, { signal: client.signal }).catch(() => 'gone');
    await queued(1);
    client.abort();
    await queued(0);
    expect(await left).toBe('gone');
    await slow;
    await agent.run('next');
    expect(agent.claude.begun()).toEqual(['slow', 'next']);
  });

  it('continues a started run whose client disconnects', async () => {
    const client = new AbortController();
    const left = agent.post({ prompt: 'slow' }, { signal: client.signal }).catch(() => 'gone');
    await until(() => agent.claude.begun().length === 1);
    client.abort();
    await left;
    await agent.run('next');
    await ended('next');
    expect(prompted()).toEqual(['began slow', 'ended slow', 'began next', 'ended next']);
    const succeeded = () => agent.lines.filter((line) => line.includes('run ended') && line.includes('succeeded'));
    await until(() => succeeded().length === 2, 'the log of two runs that succeeded');
  });
});
