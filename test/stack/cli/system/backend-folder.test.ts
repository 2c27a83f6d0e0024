import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import * as path from 'node:path';

import { describe, expect, test } from 'vitest';

import { repairStateFiles, removeStaleLocks } from '../../../../stack/cli/system/backend-folder.ts';

function backend() {
  const folder = mkdtempSync(path.join(tmpdir(), 'backend-'));
  const locks = path.join(folder, '.pulumi/locks/organization/p/dev');
  const stacks = path.join(folder, '.pulumi/stacks/p');
  for (const each of [locks, stacks]) mkdirSync(each, { recursive: true });
  const lines: string[] = [];
  return {
    place: { folder, project: 'p', stack: 'dev' },
    lines,
    say: (line: string) => void lines.push(line),
    lock: (content: string) => {
      writeFileSync(path.join(locks, 'l.json'), content);
      writeFileSync(path.join(locks, 'l.json.attrs'), '{}');
    },
    locksLeft: () => readdirSync(locks),
    stateFile: (suffix: string) => path.join(stacks, `dev.json${suffix}`),
  };
}

/** Starts a process whose program has that name. */
function running(name: string) {
  const program = path.join(mkdtempSync(path.join(tmpdir(), 'process-')), name);
  symlinkSync('/bin/sleep', program);
  return spawn(program, ['60'], { stdio: 'ignore' });
}

const lockOf = (pid: number | undefined, host = hostname()) =>
  JSON.stringify({ pid, username: 'ann', hostname: host, timestamp: '2026-01-02T03:04:05Z' });

describe('the lock of a stack', () => {
  test('is removed if the process that held it has ended', async () => {
    const { place, say, lines, lock, locksLeft } = backend();
    const process_ = running('pulumi');
    const ended = new Promise((resolve) => process_.on('exit', resolve));
    process_.kill('SIGKILL');
    await ended;
    lock(lockOf(process_.pid));
    await removeStaleLocks(place, say);
    expect(locksLeft()).toEqual([]);
    expect(lines).toEqual(['The last update of the stack dev was killed. Its lock has been removed.']);
  });

  test('is removed if its process ID now belongs to another program', async () => {
    const { place, say, lock, locksLeft } = backend();
    const process_ = running('editor');
    lock(lockOf(process_.pid));
    await removeStaleLocks(place, say);
    expect(locksLeft()).toEqual([]);
    process_.kill();
  });

  test.each(['', '{"pid":', lockOf(1).slice(0, -1), '{}', 'null', '[]', '{"pid":"1"}', lockOf(undefined)])(
    'stays while it is incomplete (%j), because an update may be starting',
    async (content) => {
      const { place, say, lines, lock, locksLeft } = backend();
      lock(content);
      const removed = removeStaleLocks(place, say);
      await expect(removed).rejects.toThrow(/l\.json is incomplete: .*`npm run pulumi -- cancel --yes`/);
      await expect(removed).rejects.not.toThrow('undefined');
      expect(locksLeft()).toHaveLength(2);
      expect(lines).toEqual([]);
    },
  );

  test('stays while its process runs', async () => {
    const { place, say, lock, locksLeft } = backend();
    const process_ = running('pulumi');
    lock(lockOf(process_.pid));
    await expect(removeStaleLocks(place, say)).rejects.toThrow(
      `The stack dev has been locked by an update of ann@${hostname()} (process ${process_.pid}) since 2026-01-02T03:04:05Z.`,
    );
    process_.kill();
    expect(locksLeft()).toHaveLength(2);
  });

  test('stays if it is of another machine, and the error has the command that removes it', async () => {
    const { place, say, lock, locksLeft } = backend();
    lock(lockOf(1, 'laptop-a'));
    await expect(removeStaleLocks(place, say)).rejects.toThrow('npm run pulumi -- cancel --yes');
    expect(locksLeft()).toHaveLength(2);
  });
});

describe('the state files', () => {
  test('are replaced by their backup if they are incomplete', () => {
    const { place, say, lines, stateFile } = backend();
    writeFileSync(stateFile(''), '{"version":3,');
    writeFileSync(stateFile('.bak'), '{"version":3}');
    writeFileSync(stateFile('.attrs'), '');
    repairStateFiles(place, say);
    expect(readFileSync(stateFile(''), 'utf8')).toBe('{"version":3}');
    expect(existsSync(stateFile('.attrs'))).toBe(false);
    expect(lines[0]).toContain('It is restored from its last backup');
  });

  test('do not change if they are complete', () => {
    const { place, say, lines, stateFile } = backend();
    writeFileSync(stateFile(''), '{"version":3,"new":true}');
    writeFileSync(stateFile('.bak'), '{"version":3}');
    writeFileSync(stateFile('.attrs'), '{"md5":"x"}');
    repairStateFiles(place, say);
    expect(readFileSync(stateFile(''), 'utf8')).toContain('new');
    expect(existsSync(stateFile('.attrs'))).toBe(true);
    expect(lines).toEqual([]);
  });
});
