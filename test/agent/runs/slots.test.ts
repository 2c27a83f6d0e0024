import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { Agent, isAlive, until, WITHOUT_TOKEN } from '../../support/agent.ts';
import { ECHO } from '../../support/scripted-claude.ts';
import { recordsOf } from '../../support/recorded-runs.ts';

const SLOTS = 4;

/** Runs that end when the test opens their gate, and one that echoes at once. */
const GATED = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const gate = (name: string) =>
  [
    { do: 'shell', command: `for _ in $(seq 600); do [ -e "$HOME/../gate-${name}" ] && break; sleep 0.1; done` },
    { do: 'result', text: 'done: $PROMPT' },
  ] as const;

let agent: Agent;
beforeEach(async () => {
  agent = await Agent.start({
    prompts: {
      ...Object.fromEntries(GATED.map((name) => [name, gate(name)])),
      quick: ECHO,
      stuck: [{ do: 'ignore' }, { do: 'setsid' }, { do: 'result', text: 'stuck' }],
      hang: [{ do: 'setsid' }, { do: 'hang' }],
    },
    env: { AGENT_RUNNERS: `local:${SLOTS}`, AGENT_GRACE_SECONDS: '30' },
  });
});
afterEach(() => agent[Symbol.asyncDispose]());

const open = (...names: string[]) => {
  for (const name of names) writeFileSync(path.join(agent.folder, `gate-${name}`), '');
};
const send = async (prompt: string, fields: object = {}): Promise<RunResource> => {
  const headers = { 'Content-Type': 'application/json' };
  const response = await agent.fetch('/runs', { method: 'POST', headers, body: JSON.stringify({ prompt, ...fields }) });
  return (await response.json()) as RunResource;
};
const get = async (id: string) => (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
const begun = (...prompts: string[]) =>
  until(() => prompts.every((prompt) => agent.claude.begun().includes(prompt)), `${prompts.join(', ')} began`);
const load = (activeRequests: number, queued: number) =>
  until(async () => {
    const health = await agent.health();
    return health.activeRequests === activeRequests && health.queued === queued;
  }, `${activeRequests} in progress, ${queued} waiting`);

describe('an agent with four slots', () => {
  it('runs four at a time, records their start with their acceptance, and starts the next in order', async () => {
    const states = [];
    for (const prompt of ['a', 'b', 'c', 'd', 'e', 'f']) states.push((await send(prompt)).state);
    expect(states).toEqual(['running', 'running', 'running', 'running', 'queued', 'queued']);
    await load(4, 2);
    await begun('a', 'b', 'c', 'd');
    open('c');
    await begun('e');
    expect(agent.claude.begun()).not.toContain('f');
    open('a');
    await begun('f');
    open('b', 'd', 'e', 'f');
    await load(0, 0);
  });

  it('decides for requests that arrive together which of them start at once', async () => {
    const runs = await Promise.all(GATED.map((prompt) => send(prompt)));
    expect(runs.map(({ state }) => state).sort()).toEqual([
      ...Array<string>(3).fill('queued'),
      ...Array<string>(4).fill('running'),
    ]);
    open(...GATED);
    await load(0, 0);
    expect(agent.claude.begun().sort()).toEqual(GATED);
  });

  it('runs two prompts of one conversation one after the other, and lets others pass', async () => {
    const { sessionId } = await agent.run('quick');
    await until(() => agent.isIdle(), 'no process of the first turn is left');
    expect(await send('a', { sessionId })).toMatchObject({ state: 'running' });
    expect(await send('b', { sessionId })).toMatchObject({ state: 'queued' });
    expect(await send('c')).toMatchObject({ state: 'running' });
    await begun('a', 'c');
    expect(agent.claude.begun()).not.toContain('b');
    open('a');
    await begun('b');
    open('b', 'c');
    await load(0, 0);
  });

  it('runs one at a time of a lane, also of those that arrive together, and lets others pass', async () => {
    const inLane = await Promise.all([send('a', { lane: 'r' }), send('b', { lane: 'r' })]);
    expect(inLane.map(({ state }) => state).sort()).toEqual(['queued', 'running']);
    expect(inLane.map(({ request }) => request.lane)).toEqual(['r', 'r']);
    expect(await send('c', { lane: 'conversation' })).toMatchObject({ state: 'running' });
    const first = inLane[0].state === 'running' ? 'a' : 'b';
    await begun(first, 'c');
    open(first);
    await begun('a', 'b');
    const { runs } = (await (await agent.fetch('/runs?lane=r')).json()) as { runs: RunResource[] };
    expect(runs.map(({ id }) => id).sort()).toEqual(inLane.map(({ id }) => id).sort());
    open('a', 'b', 'c');
    await load(0, 0);
  });

  it('keeps lanes apart after it was killed', async () => {
    for (const prompt of ['hang', 'a', 'b']) await send(prompt, { lane: 'r' });
    await begun('hang');
    await agent.crash();
    await load(1, 1);
    await begun('a');
    open('a');
    await begun('b');
    open('b');
    await load(0, 0);
  });

  it('is not held by a process that does not exit after its result', async () => {
    expect(await agent.run('stuck')).toMatchObject({ success: true });
    for (let i = 0; i < 6; i += 1) expect(await agent.run('quick')).toMatchObject({ success: true });
    const begun = agent.claude.journal().filter(({ what }) => what === 'began');
    await until(() => !begun.some(({ pid }) => isAlive(pid)), 'the stuck one is gone');
  });

  it('cancels one run and leaves the others alone', async () => {
    const [hang] = await Promise.all([send('hang'), send('a'), send('b')]);
    await begun('hang', 'a', 'b');
    await agent.fetch(`/runs/${hang.id}`, { method: 'DELETE' });
    await load(2, 0);
    open('a', 'b');
    await load(0, 0);
    expect(await get(hang.id)).toMatchObject({ outcome: 'cancelled' });
    await agent.end('SIGTERM');
    expect(recordsOf(agent.stateDir).map(({ outcome }) => outcome)).toEqual(['cancelled', 'succeeded', 'succeeded']);
  });

  it('finishes what is in progress when it is paused, and starts four of the queue when it is resumed', async () => {
    for (const prompt of ['a', 'b', 'c', 'd', 'e', 'f']) await send(prompt);
    await begun('a', 'b', 'c', 'd');
    await agent.fetch('/pause', { method: 'POST' });
    open('a', 'b', 'c', 'd');
    await load(0, 2);
    await agent.fetch('/resume', { method: 'POST' });
    await begun('e', 'f');
    await load(2, 0);
    open('e', 'f');
    await load(0, 0);
  });

  it.each([
    ['a slot is free', ['a', 'b'], 0],
    ['all slots are taken and runs wait', ['a', 'b', 'c', 'd', 'e'], 1],
  ])('checks the login while runs are in progress, when %s', async (_, prompts, queued) => {
    const claudeDir = path.join(agent.folder, 'home/.claude');
    mkdirSync(claudeDir, { recursive: true });
    writeFileSync(path.join(claudeDir, '.credentials.json'), '{"claudeAiOauth":{"accessToken":"a"}}');
    for (const prompt of prompts) await send(prompt);
    const started = prompts.slice(0, SLOTS);
    await begun(...started);
    const answer = await agent.fetch('/auth/check', { method: 'POST' });
    expect(await answer.json()).toMatchObject({ state: 'ok', evidence: 'probe' });
    expect(agent.claude.begun()).toHaveLength(started.length + 1);
    await load(started.length, queued);
    open(...prompts);
    await load(0, 0);
  });

  it('lets all runs finish after SIGTERM, and keeps the queue', async () => {
    const answers = ['a', 'b', 'c', 'd'].map((prompt) => agent.run(prompt));
    await begun('a', 'b', 'c', 'd');
    await send('quick');
    const exit = agent.end('SIGTERM');
    await until(async () => (await agent.fetch('/ready', WITHOUT_TOKEN)).status === 503, 'not ready');
    open('a', 'b', 'c', 'd');
    expect((await Promise.all(answers)).map(({ success }) => success)).toEqual([true, true, true, true]);
    expect(await exit).toBe(0);
    expect(recordsOf(agent.stateDir).map(({ state }) => state)).toEqual([...Array<string>(4).fill('ended'), 'queued']);
    await agent.start();
    await begun('quick');
    await load(0, 0);
  });

  it('interrupts all runs after the grace time, and leaves no process', async () => {
    agent.env['AGENT_GRACE_SECONDS'] = '1';
    await agent.end('SIGTERM');
    await agent.start();
    const answers = [...Array(SLOTS).keys()].map(() => agent.run('hang'));
    await until(() => agent.claude.begun().length === SLOTS, 'all began');
    expect(await agent.end('SIGTERM')).toBe(0);
    expect((await Promise.all(answers)).map(({ outcome }) => outcome)).toEqual(Array(SLOTS).fill('interrupted'));
    expect(agent.claude.journal().some(({ pid }) => isAlive(pid))).toBe(false);
  });

  it('that is killed ends the runs in progress as interrupted, and runs the waiting ones', async () => {
    for (const prompt of ['a', 'hang', 'c', 'd', 'e', 'f', 'g', 'quick']) await send(prompt);
    await begun('a', 'hang', 'c', 'd');
    const before = agent.claude.journal().map(({ pid }) => pid);
    await agent.crash();
    expect(before.some(isAlive)).toBe(false);
    await load(3, 0);
    open('e', 'f', 'g');
    await load(0, 0);
    expect(agent.claude.begun()).toHaveLength(8);
    await agent.end('SIGTERM');
    expect(recordsOf(agent.stateDir).map(({ outcome }) => outcome)).toEqual([
      ...Array<string>(4).fill('interrupted'),
      ...Array<string>(4).fill('succeeded'),
    ]);
  });
});

describe('with lifetime run', () => {
  it('each run in progress has a folder of its own, empty when it starts', async () => {
    agent.env['AGENT_WORKSPACE_LIFETIME'] = 'run';
    await agent.end('SIGTERM');
    await agent.start();
    await Promise.all(['a', 'b', 'hang'].map((prompt) => send(prompt)));
    await begun('a', 'b', 'hang');
    const folders = agent.claude.journal().flatMap((entry) => (entry.what === 'began' ? [entry.cwd] : []));
    const names = ['run', '.run-2', '.run-3'].map((name) => path.join(agent.workspaceDir, name));
    expect(folders.sort()).toEqual(names.sort());
  });
});
