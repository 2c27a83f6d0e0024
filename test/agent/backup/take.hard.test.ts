import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import type { VolumeReport } from '../../../agent/backup/take.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import { Agent, until } from '../../support/agent.ts';
import { folder } from '../../support/folder.ts';
import { mayMount } from '../../support/may-mount.ts';
import { needs, unless } from '../../support/needs.ts';

const PROGRAM = 'agent/backup/take.ts';

/** Unpacks what the program wrote. */
async function unpacked(archive: string) {
  const target = folder();
  await execa('tar', ['-xzf', archive, '-C', target]);
  const { stdout } = await execa('tar', ['-tzf', archive]);
  const at = (name: string) => path.join(target, name);
  return { report: JSON.parse(readFileSync(at('volume.json'), 'utf8')) as VolumeReport, at, list: stdout.split('\n') };
}

/** Backs up a volume, with or without an agent. */
async function take(volume: string, env: Readonly<Record<string, string>> = {}) {
  const archive = path.join(folder(), 'volume.tar.gz');
  await execa(process.execPath, [PROGRAM, volume, '1'], { env, stdout: { file: archive } });
  return unpacked(archive);
}

/** Ids of the ended runs in a valid database. */
function endedIn(file: string): Set<unknown> {
  const database = new DatabaseSync(file);
  try {
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const rows = database.prepare(`SELECT id FROM runs WHERE state = 'ended'`).all();
    return new Set(rows.map(({ id }) => id));
  } finally {
    database.close();
  }
}

const leftovers = (volume: string) => readdirSync(volume).filter((name) => name.startsWith('.claude-agent-backup-'));

/** An agent's store that is written to without a pause. */
function writing(volume: string, characters: number) {
  const ended: string[] = [];
  const child = spawn(process.execPath, ['test/agent/backup/records-writer.ts', volume, String(characters)]);
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (id) => ended.push(id));
  return {
    ended,
    until: async (count: number) => {
      while (ended.length < count) await once(lines, 'line');
    },
    kill: () => kill(child),
  };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** A conversation of that size, changed so many days ago: in the agent's store, or in a folder of `projects`. */
function conversation(
  volume: string,
  id: string,
  content: string | Buffer,
  daysAgo: number,
  folder = `conversations/${id}`,
): void {
  const project = path.join(volume, folder);
  mkdirSync(path.join(project, id), { recursive: true });
  writeFileSync(path.join(project, id, 'beside.txt'), 'x');
  writeFileSync(path.join(project, `${id}.jsonl`), content);
  const changed = new Date(Date.now() - daysAgo * 86_400_000);
  for (const each of [id, `${id}.jsonl`]) utimesSync(path.join(project, each), changed, changed);
}

describe('a snapshot of the run records', () => {
  test.each([
    ['small', 10],
    ['large', 50_000],
  ])('is valid and has every ended run, however busy the agent is, with %s outputs', async (_size, characters) => {
    const volume = folder();
    const agent = writing(volume, characters);
    try {
      await agent.until(20);
      for (let round = 0; round < 4; round++) {
        const before = [...agent.ended];
        const { report, at } = await take(volume);
        expect(report.records).toMatchObject({ runs: expect.any(Number) as number });
        const ids = endedIn(at('runs.db'));
        expect(before.filter((id) => !ids.has(id))).toEqual([]);
        await agent.until(before.length + 1);
      }
    } finally {
      await agent.kill();
    }
  });

  test('has the queued and running runs, and leaves nothing behind', async () => {
    await using agent = await Agent.start({ prompts: { long: [{ do: 'hang' }] } });
    const { runId } = await agent.run('hello');
    const post = (prompt: string) =>
      agent.fetch('/runs', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ prompt }),
      });
    await post('long');
    await post('waits');
    const { report, at } = await take(agent.stateDir);
    expect(report.records).toEqual({ runs: 3, unfinished: 2 });
    expect(endedIn(at('runs.db'))).toEqual(new Set([runId]));
    expect(statSync(at('runs.db')).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(agent.stateDir, 'snapshot.sock')).mode & 0o777).toBe(0o600);
    await until(() => leftovers(agent.stateDir).length === 0);
  });

  /** A backup whose output nobody reads yet. */
  async function stalled(agent: Agent) {
    conversation(agent.stateDir, 'large', randomBytes(900_000), 0);
    const child = spawn(process.execPath, [PROGRAM, agent.stateDir, '1'], {
      env: { ...process.env, TMPDIR: folder() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await once(child.stdout, 'readable');
    expect(leftovers(agent.stateDir)).toHaveLength(1);
    return child;
  }

  test('is removed by the agent when the backup is killed', async () => {
    await using agent = await Agent.start();
    await agent.run('hello');
    const child = await stalled(agent);
    await kill(child);
    child.stdout.destroy();
    await until(() => leftovers(agent.stateDir).length === 0);
    expect((await take(agent.stateDir)).report.records).toEqual({ runs: 1, unfinished: 0 });
  });

  test('is complete if the agent is killed meanwhile, and is removed by the backup', async () => {
    await using agent = await Agent.start();
    await agent.run('hello');
    const child = await stalled(agent);
    await agent.end('SIGKILL');
    const archive = path.join(folder(), 'volume.tar.gz');
    writeFileSync(archive, Buffer.concat(await child.stdout.toArray()));
    const { at } = await unpacked(archive);
    expect(endedIn(at('runs.db')).size).toBe(1);
    await until(() => leftovers(agent.stateDir).length === 0);
  });

  test('is removed when the agent stops, and the backup fails', async () => {
    await using agent = await Agent.start();
    await agent.run('hello');
    const child = await stalled(agent);
    const exit = once(child, 'exit');
    expect(await agent.end('SIGTERM')).toBe(0);
    expect(leftovers(agent.stateDir)).toEqual([]);
    child.stdout.resume();
    const stderr = Buffer.concat(await child.stderr.toArray()).toString();
    expect(await exit).toEqual([1, null]);
    expect(stderr).toMatch(/the agent stopped during the backup .*; run the backup again\n$/);
  });

  test('is copied if no agent has the records open, and the files stay untouched for its next start', async () => {
    await using agent = await Agent.start();
    const { runId } = await agent.run('hello');
    await agent.end('SIGKILL');
    const files = ['runs.db', 'runs.db-wal'].map((name) => path.join(agent.stateDir, name));
    const contents = () => files.map((file) => readFileSync(file).toString('base64'));
    const before = contents();
    const { report, at } = await take(agent.stateDir);
    expect(report.records).toEqual({ runs: 1, unfinished: 0 });
    expect(endedIn(at('runs.db'))).toEqual(new Set([runId]));
    expect(contents()).toEqual(before);
    expect(leftovers(agent.stateDir)).toEqual([]);
  });

  test('of a busy agent that does not respond is refused rather than inconsistent', async () => {
    const volume = folder();
    const agent = writing(volume, 10);
    try {
      await agent.until(20);
      await execa('rm', [path.join(volume, 'snapshot.sock')]);
      const { report, list } = await take(volume);
      expect(report.records).toMatch(/files changed while they were copied; run the backup again/);
      expect(list).not.toContain('runs.db');
    } finally {
      await agent.kill();
    }
  });

  test('is removed an hour later if its backup was killed together with the agent', async () => {
    const volume = folder({ '.claude-agent-backup-old/runs.db': '', '.claude-agent-backup-new/runs.db': '' });
    openStore(path.join(volume, 'runs.db'))[Symbol.dispose]();
    const long = new Date(Date.now() - 3_700_000);
    utimesSync(path.join(volume, '.claude-agent-backup-old'), long, long);
    await take(volume);
    expect(leftovers(volume)).toEqual(['.claude-agent-backup-new']);
  });
});

describe('a backup of the volume', () => {
  test('has the session with its settings and the newest conversations up to a size, and counts the others', async () => {
    const volume = folder();
    openStore(path.join(volume, 'runs.db'))[Symbol.dispose]();
    mkdirSync(path.join(volume, 'claude', 'cache'), { recursive: true });
    for (const file of ['claude/.credentials.json', 'claude/cache/big', 'seed.json', 'agent-token']) {
      writeFileSync(path.join(volume, file), '{}');
    }
    conversation(volume, 'newest', 'x'.repeat(600_000), 0);
    conversation(volume, 'older', 'x'.repeat(600_000), 1);
    conversation(volume, 'oldest', 'x'.repeat(10), 2);
    const { report, list } = await take(volume);
    expect(list.filter((name) => !name.endsWith('/')).sort()).toEqual([
      'claude/.credentials.json',
      'conversations/newest/newest.jsonl',
      'conversations/newest/newest/beside.txt',
      'runs.db',
      'seed.json',
      'volume.json',
    ]);
    expect(report).toEqual({
      records: { runs: 0, unfinished: 0 },
      conversations: { taken: 1, omitted: 2, omittedBytes: 600_012 },
      files: { count: 0, bytes: 0 },
    });
  });

  test('has the conversations that are only in a configuration folder, and each once', async () => {
    const volume = folder();
    for (const place of ['conversations/both', 'claude/projects/-workspace', 'home/.claude/projects/-workspace'])
      conversation(volume, 'both', 'x', 0, place);
    conversation(volume, 'beside', 'x', 0, 'claude/projects/-workspace');
    const { report, list } = await take(volume);
    expect(list.filter((name) => name.endsWith('.jsonl')).sort()).toEqual([
      'claude/projects/-workspace/beside.jsonl',
      'conversations/both/both.jsonl',
    ]);
    expect(report.conversations).toEqual({ taken: 2, omitted: 0, omittedBytes: 0 });
  });

  test('has the rest and the reason when the records are missing or damaged', async () => {
    const volume = folder({ 'seed.json': '{}' });
    const none = await take(volume);
    expect(none.report.records).toBe('there is no runs.db on the volume');
    writeFileSync(path.join(volume, 'runs.db'), 'no database'.repeat(100));
    const { report, list } = await take(volume);
    expect(report.records).toBe('runs.db is damaged: file is not a database');
    expect(list).toContain('seed.json');
  });
});

describe(
  'a snapshot on a disk of its own',
  needs(unless(mayMount(), 'It needs the right to mount a tmpfs: run it as root.')),
  () => {
    test('goes to the temporary folder if the volume is full, and is refused with the sizes if neither has space', async () => {
      const volume = folder();
      const small = folder();
      const disks = [volume, small];
      for (const disk of disks) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]);
      try {
        openStore(path.join(volume, 'runs.db'))[Symbol.dispose]();
        expect((await take(volume)).report.records).toEqual({ runs: 0, unfinished: 0 });
        expect((await take(volume, { TMPDIR: small })).report.records).toMatch(
          /^A snapshot needs \d+ MB of free disk; \S+ has 1\d MB, \S+ has 1\d MB\.$/,
        );
        expect(disks.flatMap(leftovers)).toEqual([]);
      } finally {
        for (const disk of disks) execFileSync('umount', ['--lazy', disk]);
      }
    });
  },
);
