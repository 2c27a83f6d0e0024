import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { openStore } from '../../../../agent/store/sqlite.ts';

import type { VolumeReport, Wanted } from '../../../../stack/cli/archive/in-pod/take-volume.ts';
import { folder } from './folder.ts';

const PROGRAM = readFileSync('stack/cli/archive/in-pod/take-volume.ts', 'utf8');

let volume: string;

/** As it runs in the container: its text alone, by Node.js. */
async function take(
  wanted: Partial<Wanted> = {},
): Promise<{ report: VolumeReport; at: (name: string) => string; list: string[] }> {
  const asked = JSON.stringify({ entries: ['.credentials.json'], conversationMegabytes: 1, ...wanted });
  const target = folder();
  const archive = path.join(target, 'volume.tar.gz');
  await execa(process.execPath, ['--input-type=module-typescript', '-e', PROGRAM, asked], {
    env: { AGENT_STATE_DIR: volume },
    stdout: { file: archive },
  });
  await execa('tar', ['-xzf', archive, '-C', target]);
  const { stdout } = await execa('tar', ['-tzf', archive]);
  const at = (name: string) => path.join(target, name);
  return { report: JSON.parse(readFileSync(at('volume.json'), 'utf8')) as VolumeReport, at, list: stdout.split('\n') };
}

/** An agent's store that is written to without a rest. */
function writing(characters: number) {
  const ended: string[] = [];
  const child = spawn(process.execPath, [
    'test/stack/cli/backup/records-writer.ts',
    path.join(volume, 'runs.db'),
    String(characters),
  ]);
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (id) => ended.push(id));
  return {
    ended,
    until: async (count: number) => {
      while (ended.length < count) await once(lines, 'line');
    },
    stop: async () => {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

describe('the records of runs, copied while the agent writes them', () => {
  test.each([
    ['small', 10],
    ['large', 50_000],
  ])('are sound and hold every run that had ended, again and again, with %s answers', async (_size, characters) => {
    volume = folder();
    const agent = writing(characters);
    try {
      await agent.until(20);
      for (let round = 0; round < 4; round++) {
        const before = [...agent.ended];
        const { report, at } = await take();
        expect(report.records).toMatchObject({ runs: expect.any(Number) as number });
        const copy = new DatabaseSync(at('runs.db'));
        expect(copy.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
        const ids = new Set(
          copy
            .prepare(`SELECT id FROM runs WHERE state = 'ended'`)
            .all()
            .map(({ id }) => id),
        );
        copy.close();
        expect(before.filter((id) => !ids.has(id))).toEqual([]);
        await agent.until(before.length + 1);
      }
    } finally {
      await agent.stop();
    }
  });
});

describe('what is taken of a volume', () => {
  /** A conversation of that size, changed so many days ago. */
  function conversation(id: string, bytes: number, daysAgo: number): void {
    const project = path.join(volume, 'claude', 'projects', '-workspace');
    mkdirSync(path.join(project, id), { recursive: true });
    writeFileSync(path.join(project, id, 'beside.txt'), 'x');
    writeFileSync(path.join(project, `${id}.jsonl`), 'x'.repeat(bytes));
    const changed = new Date(Date.now() - daysAgo * 86_400_000);
    for (const each of [id, `${id}.jsonl`]) utimesSync(path.join(project, each), changed, changed);
  }

  test('is the session, what goes with it, and the newest conversations up to a size, with the others counted', async () => {
    volume = folder();
    openStore(path.join(volume, 'runs.db'))[Symbol.dispose]();
    mkdirSync(path.join(volume, 'claude', 'cache'), { recursive: true });
    for (const file of ['claude/.credentials.json', 'claude/cache/big', 'seed.json', 'agent-token']) {
      writeFileSync(path.join(volume, file), '{}');
    }
    conversation('newest', 600_000, 0);
    conversation('older', 600_000, 1);
    conversation('oldest', 10, 2);
    const { report, list } = await take();
    expect(list.filter((name) => !name.endsWith('/')).sort()).toEqual([
      'claude/.credentials.json',
      'claude/projects/-workspace/newest.jsonl',
      'claude/projects/-workspace/newest/beside.txt',
      'runs.db',
      'seed.json',
      'volume.json',
    ]);
    expect(report).toEqual({
      records: { runs: 0, unfinished: 0, copies: 1 },
      conversations: { taken: 1, omitted: 2, omittedBytes: 600_012 },
    });
  });

  test('has a sentence in place of records that are damaged or not there, and the rest', async () => {
    volume = folder();
    writeFileSync(path.join(volume, 'seed.json'), '{}');
    const none = await take();
    expect(none.report.records).toBe('there is no runs.db on the volume');
    writeFileSync(path.join(volume, 'runs.db'), 'no database'.repeat(100));
    const { report, list } = await take();
    expect(report.records).toMatch(/can't be read: file is not a database/);
    expect(list).toContain('seed.json');
  });
});
