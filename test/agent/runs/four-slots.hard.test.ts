import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunAnswer, RunResource } from '../../../agent/http/api/run.ts';
import { Receiver } from '../../doubles/receiver/server.ts';
import { Agent, until } from '../../support/agent.ts';

/** Ends when the test opens it. */
const HELD = [
  { do: 'shell', command: 'for _ in $(seq 1200); do [ -e "$HOME/open-$PROMPT" ] && break; sleep 0.05; done' },
  { do: 'result', text: 'held' },
] as const;

/** What suites with one slot show, while four runs are in progress. */
describe('with four slots', () => {
  let agent: Agent;
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await Receiver.start();
    agent = await Agent.start({
      prompts: {
        ...Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [`held-${name}`, HELD])),
        hang: [{ do: 'hang' }],
        refused: [{ do: 'refuse', kind: 'server_error', status: 529, text: 'overloaded' }],
        dies: [{ do: 'exit', code: 3 }],
      },
      env: { AGENT_RUNNERS: 'local:4', AGENT_CALLBACK_HOSTS: receiver.host, AGENT_QUEUE_LIMIT: '4' },
    });
  });
  beforeEach(() => until(() => agent.isIdle(), 'no run is in progress'));
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await receiver.stop();
  });

  const open = (name: string) => writeFileSync(path.join(agent.folder, `home/open-held-${name}`), '');
  const begun = (prompt: string) => agent.claude.begun().filter((each) => each === prompt).length;
  const get = async (id: string) => (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;

  it('requests with the same Idempotency-Key are one run, also after a crash', async () => {
    const headers = { 'Idempotency-Key': 'same' };
    const answers = Array.from({ length: 8 }, () => agent.post({ prompt: 'held-a' }, { headers }));
    await until(() => begun('held-a') > 0);
    open('a');
    const runs = await Promise.all(answers.map(async (answer) => (await (await answer).json()) as RunAnswer));
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(1);
    await agent.crash();
    const again = (await (await agent.post({ prompt: 'held-a' }, { headers })).json()) as RunAnswer;
    expect(again.runId).toBe(runs[0]?.runId);
    expect(begun('held-a')).toBe(1);
  });

  it('each run has its own outcome and its callback once, in whatever order they end', async () => {
    const outcomes = { refused: 'unavailable', dies: 'failed', 'held-b': 'succeeded', 'held-c': 'succeeded' };
    const ids = await Promise.all(
      Object.keys(outcomes).map((prompt) => agent.submit(prompt, { callbackUrl: receiver.url(`/${prompt}`) })),
    );
    await until(() => begun('held-b') + begun('held-c') === 2);
    open('c');
    await until(() => receiver.at('/held-c').length === 1);
    expect(receiver.at('/held-b')).toEqual([]);
    open('b');
    await until(async () => (await Promise.all(ids.map(get))).every(({ callback }) => callback?.state === 'delivered'));
    for (const [prompt, outcome] of Object.entries(outcomes)) {
      const messages = receiver.at(`/${prompt}`).map(({ body }) => (JSON.parse(body) as { data: RunResource }).data);
      expect(messages).toMatchObject([{ outcome }]);
    }
  });

  it('runs that are killed with the agent are reported as interrupted, once each', async () => {
    const urls = [0, 1, 2, 3].map((n) => `/killed-${n}`);
    const before = begun('hang');
    await Promise.all(urls.map((url) => agent.submit('hang', { callbackUrl: receiver.url(url) })));
    await until(() => begun('hang') === before + 4);
    await agent.crash();
    await until(() => urls.every((url) => receiver.at(url).length === 1));
    for (const url of urls) {
      expect(receiver.at(url).map(({ body }) => (JSON.parse(body) as { data: RunResource }).data)).toMatchObject([
        { outcome: 'interrupted', exitCode: 143 },
      ]);
    }
  });

  it('the queue is full when four runs wait, and a run that waits too long is not started', async () => {
    const held = await Promise.all([0, 1, 2, 3].map(() => agent.submit('hang')));
    const waiting = [
      ...(await Promise.all([0, 1, 2].map(() => agent.submit('held-d')))),
      await agent.submit('late', { queueTimeout: 300 }),
    ];
    expect((await agent.post({ prompt: 'x' })).status).toBe(429);
    await until(async () => (await get(waiting[3] ?? '')).state === 'ended');
    expect(await get(waiting[3] ?? '')).toMatchObject({ outcome: 'timed_out' });
    open('d');
    for (const id of held) await agent.fetch(`/runs/${id}`, { method: 'DELETE' });
    for (const id of waiting.slice(0, 3)) {
      await until(async () => (await get(id)).state === 'ended');
      expect(await get(id)).toMatchObject({ outcome: 'succeeded' });
    }
    expect(begun('late')).toBe(0);
  });

  it('SIGTERM lets four runs end, reports them, and keeps the queue', async () => {
    agent.env['AGENT_GRACE_SECONDS'] = '30';
    await agent.end('SIGTERM');
    await agent.start();
    const ids = await Promise.all(
      [0, 1, 2, 3, 4].map((n) => agent.submit('held-e', { callbackUrl: receiver.url(`/drained-${n}`) })),
    );
    await until(() => begun('held-e') === 4);
    const exit = agent.end('SIGTERM');
    open('e');
    expect(await exit).toBe(0);
    await agent.start();
    await until(async () => (await Promise.all(ids.map(get))).every(({ callback }) => callback?.state === 'delivered'));
    expect(await Promise.all(ids.map(get))).toMatchObject(Array(5).fill({ outcome: 'succeeded' }));
    expect(begun('held-e')).toBe(5);
  });
});
