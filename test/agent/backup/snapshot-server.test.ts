import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import * as path from 'node:path';
import { createInterface } from 'node:readline';

import { describe, expect, test } from 'vitest';

import { checkSnapshot } from '../../../agent/backup/snapshot.ts';
import type { SnapshotReply } from '../../../agent/backup/snapshot-server.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import { Agent, until } from '../../support/agent.ts';

const RUNS = 100;

/** An agent with records of 100 MB: a snapshot of them takes a hundred steps. */
function largeAgent(): Agent {
  const agent = new Agent();
  mkdirSync(agent.stateDir, { mode: 0o700 });
  using store = openStore(path.join(agent.stateDir, 'runs.db'));
  const request = { prompt: 'p', options: {}, labels: {}, timeoutMs: 1000, workdir: '/workspace' };
  const result = { outcome: 'succeeded', output: 'x'.repeat(1_000_000), permissionDenials: [], warnings: [] } as const;
  for (let run = 0; run < RUNS; run += 1) store.end(store.begin(store.accept(request, 'session')), result);
  return agent;
}

const scratchesOf = ({ stateDir }: Agent) =>
  readdirSync(stateDir).filter((name) => name.startsWith('.claude-agent-backup-'));
const none = (agent: Agent) => until(() => scratchesOf(agent).length === 0, 'no scratch folder');

/** Asks for a snapshot, and waits until the agent makes it. */
async function ask(agent: Agent, reads = true): Promise<Socket> {
  const connection = createConnection(path.join(agent.stateDir, 'snapshot.sock'));
  if (!reads) connection.pause();
  await once(connection, 'connect');
  await until(() => scratchesOf(agent).length === 1, 'a scratch folder');
  return connection;
}

/** Takes a whole snapshot, and counts the runs in it. */
async function runsIn(agent: Agent): Promise<number> {
  const connection = await ask(agent);
  const [line] = (await once(createInterface({ input: connection }), 'line')) as [string];
  const { folder } = JSON.parse(line) as Extract<SnapshotReply, { folder: string }>;
  const { runs } = checkSnapshot({ folder, [Symbol.dispose]: () => undefined });
  connection.destroy();
  await none(agent);
  return runs;
}

describe('the snapshot server', () => {
  test('cancels and removes a snapshot when its backup is killed, while runs go on', async () => {
    await using agent = largeAgent();
    await agent.start();
    const connection = await ask(agent);
    connection.destroy();
    await agent.run('hello');
    await none(agent);
    expect(await runsIn(agent)).toBe(RUNS + 1);
  });

  test('survives a backup that is killed before it reads the reply', async () => {
    await using agent = await Agent.start();
    await agent.run('hello');
    const connection = await ask(agent, false);
    const [scratch = ''] = scratchesOf(agent);
    const snapshot = path.join(agent.stateDir, scratch, 'runs.db');
    await until(() => (statSync(snapshot, { throwIfNoEntry: false })?.size ?? 0) > 0, 'a snapshot');
    // The agent replies meanwhile.
    for (let requests = 0; requests < 5; requests += 1) await agent.health();
    connection.destroy();
    await none(agent);
    expect(await runsIn(agent)).toBe(1);
  });

  test('cancels and removes a snapshot when the agent stops, and the agent ends well', async () => {
    await using agent = largeAgent();
    await agent.start();
    const connection = await ask(agent);
    const closed = once(connection, 'close');
    connection.resume();
    expect(await agent.end('SIGTERM')).toBe(0);
    await closed;
    expect(scratchesOf(agent)).toEqual([]);
  });

  test('removes at its start what a killed agent left, and a folder in place of its socket', async () => {
    await using agent = new Agent();
    for (const name of ['.claude-agent-backup-left', 'snapshot.sock']) {
      mkdirSync(path.join(agent.stateDir, name), { recursive: true, mode: 0o700 });
      writeFileSync(path.join(agent.stateDir, name, 'runs.db'), '');
    }
    await agent.start();
    expect(scratchesOf(agent)).toEqual([]);
    expect(await runsIn(agent)).toBe(0);
  });
});
