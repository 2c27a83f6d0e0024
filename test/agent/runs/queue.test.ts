import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Agent, until } from '../../support/agent.ts';

/** Ends when the test opens it. */
const HELD = [
  { do: 'shell', command: 'for _ in $(seq 1200); do [ -e "$HOME/open" ] && break; sleep 0.05; done' },
  { do: 'result', text: 'held' },
] as const;

let agent: Agent;
/** How many entries the journal had before the test. */
let earlier: number;
beforeAll(async () => {
  agent = await Agent.start({ prompts: { held: HELD }, env: { AGENT_QUEUE_LIMIT: '3', AGENT_WARM_START: 'off' } });
});
beforeEach(async () => {
  await until(() => agent.isIdle());
  rmSync(gate(), { force: true });
  earlier = agent.claude.journal().length;
});
afterAll(() => agent[Symbol.asyncDispose]());

const gate = () => path.join(agent.folder, 'home/open');
const open = () => writeFileSync(gate(), '');
const queued = (count: number) => until(async () => (await agent.health()).queued === count, `${count} queued`);

/** The events of processes that got a prompt. */
const prompted = () =>
  agent.claude
    .journal()
    .slice(earlier)
    .flatMap(({ what, prompt }) => (prompt === '' ? [] : [`${what} ${prompt}`]));
const begun = () => prompted().flatMap((entry) => (entry.startsWith('began ') ? [entry.slice(6)] : []));

/** The client of a run gets its response before the process has ended. */
const ended = (prompt: string) => until(() => prompted().includes(`ended ${prompt}`), `the end of ${prompt}`);

describe('the queue', () => {
  it('runs one at a time, first come, first served', async () => {
    const answers = [agent.run('held')];
    // Until it starts, it is queued itself.
    await until(() => begun().length === 1);
    for (const [place, prompt] of ['a', 'b', 'c'].entries()) {
      await queued(place);
      answers.push(agent.run(prompt));
    }
    await queued(3);
    expect(await agent.health()).toMatchObject({ activeRequests: 1, queued: 3 });
    open();
    expect((await Promise.all(answers)).every(({ success }) => success)).toBe(true);

    await ended('c');
    expect(prompted()).toEqual(['held', 'a', 'b', 'c'].flatMap((prompt) => [`began ${prompt}`, `ended ${prompt}`]));
  });

  it('refuses further runs with 429 and Retry-After when it is full, and starts nothing for them', async () => {
    const first = agent.post({ prompt: 'held' });
    await until(() => begun().length === 1);
    const answers = [first, ...Array.from({ length: 19 }, () => agent.post({ prompt: 'held' }))];
    const early: Response[] = [];
    for (const answer of answers) void answer.then((response) => early.push(response));
    await until(() => early.length === 16, 'all others have an answer');
    open();
    const all = await Promise.all(answers);
    const refused = all.filter(({ status }) => status === 429);
    expect(all.filter(({ status }) => status === 200)).toHaveLength(4);
    expect(refused).toHaveLength(16);
    expect(refused.every(({ headers }) => Number(headers.get('Retry-After')) > 0)).toBe(true);
    expect(begun()).toHaveLength(4);
  });

  it('counts the timeout from acceptance: a run can time out while it waits, and is then not started', async () => {
    const held = agent.run('held');
    await until(() => begun().length === 1);
    const answer = await agent.run('late', { timeout: 100 });
    expect(answer).toMatchObject({ success: false, outcome: 'timed_out', exitCode: 124 });
    expect(answer.queuedMs).toBe(answer.duration);
    open();
    await held;
    expect(begun()).toEqual(['held']);
  });

  it('drops a waiting run whose client disconnects', async () => {
    const held = agent.run('held');
    await until(() => begun().length === 1);
    const client = new AbortController();
    const left = agent.post({ prompt: 'left' }, { signal: client.signal }).catch(() => 'gone');
    await queued(1);
    client.abort();
    await queued(0);
    expect(await left).toBe('gone');
    open();
    await held;
    await agent.run('next');
    expect(begun()).toEqual(['held', 'next']);
  });

  it('continues a started run whose client disconnects', async () => {
    const lines = agent.lines.length;
    const client = new AbortController();
    const left = agent.post({ prompt: 'held' }, { signal: client.signal }).catch(() => 'gone');
    await until(() => begun().length === 1);
    client.abort();
    await left;
    open();
    await agent.run('next');
    await ended('next');
    expect(prompted()).toEqual(['began held', 'ended held', 'began next', 'ended next']);
    const succeeded = () =>
      agent.lines.slice(lines).filter((line) => line.includes('run ended') && line.includes('succeeded'));
    await until(() => succeeded().length === 2, 'the log of two runs that succeeded');
  });
});
