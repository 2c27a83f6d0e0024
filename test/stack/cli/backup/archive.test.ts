import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { folderIn, pack, removeScratches, unpack, withScratch } from '../../../../stack/cli/archive/archive.ts';
import { checkedManifest, filesOf } from '../../../../stack/cli/archive/manifest.ts';
import type { Manifest } from '../../../../stack/cli/archive/manifest.ts';
import { folder } from '../../../support/folder.ts';

/** Writes a backup; `change` alters its content afterwards. Returns its file and the folder. */
async function backup(manifest: Partial<Manifest> = {}, change: (inside: string) => void = () => undefined) {
  const root = folder();
  const file = path.join(root, 'backup.tar.gz');
  await withScratch(root, async (scratch) => {
    const inside = folderIn(scratch);
    mkdirSync(path.join(inside, 'volume'));
    writeFileSync(path.join(inside, 'state.json'), '{}');
    writeFileSync(path.join(inside, 'volume', 'runs.db'), 'records');
    const whole = {
      format: 1,
      project: 'p',
      stack: 'dev',
      versions: { agent: '9.9' },
      files: filesOf(inside),
      ...manifest,
    };
    writeFileSync(path.join(inside, 'manifest.json'), JSON.stringify(whole));
    change(inside);
    await pack(scratch, file);
  });
  return { root, file };
}

async function checked(file: string): Promise<Manifest> {
  return checkedManifest(await unpack(file, folder()), 'b.tar.gz', 'p', 'dev');
}

describe('a backup', () => {
  test('is one tar.gz that only its owner can read, with the manifest first, and leaves nothing beside it', async () => {
    const { root, file } = await backup();
    expect(readdirSync(root)).toEqual(['backup.tar.gz']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { stdout } = await execa('tar', ['-tzf', file]);
    expect(stdout.split('\n')).toEqual([
      'claude-agent-backup/manifest.json',
      'claude-agent-backup/state.json',
      'claude-agent-backup/volume/',
      'claude-agent-backup/volume/runs.db',
    ]);
    expect(Object.keys((await checked(file)).files)).toEqual(['state.json', 'volume/runs.db']);
  });

  test('that fails leaves no file, and the next one removes what a killed one left', async () => {
    const root = folder();
    await expect(withScratch(root, (scratch) => pack(scratch, path.join(root, 'backup.tar.gz')))).rejects.toThrow();
    expect(readdirSync(root)).toEqual([]);
    const ended = spawnSync('true').pid;
    for (const pid of [ended, process.pid]) mkdirSync(path.join(root, `.scratch-${pid}-x`));
    await removeScratches(root);
    expect(readdirSync(root)).toEqual([`.scratch-${process.pid}-x`]);
  });

  const changes: [string, Partial<Manifest>, (inside: string) => void, RegExp][] = [
    ['a changed file', {}, (at) => writeFileSync(path.join(at, 'volume/runs.db'), 'other'), /damaged.*volume\/runs.db/],
    ['a missing file', {}, (at) => rmSync(path.join(at, 'state.json')), /damaged.*state.json/],
    ['an added file', {}, (at) => writeFileSync(path.join(at, 'more'), ''), /damaged.*more/],
    [
      'a link',
      {},
      (at) => symlinkSync('/etc/passwd', path.join(at, 'local')),
      /local in the backup is not a regular file/,
    ],
    [
      'an invalid manifest',
      {},
      (at) => writeFileSync(path.join(at, 'manifest.json'), 'x'),
      /is not a backup of this system/,
    ],
    ['a later format', { format: 2 }, () => undefined, /has the format 2; this version reads 1.*"agent":"9.9"/],
    ['another project', { project: 'q' }, () => undefined, /of the project q, not of p/],
    ['another stack', { stack: 'prod' }, () => undefined, /stack prod, not of dev: .*--stack prod/],
  ];
  test.each(changes)('with %s is rejected', async (_what, manifest, change, message) => {
    const { file } = await backup(manifest, change);
    await expect(checked(file)).rejects.toThrow(message);
  });

  test('that is truncated, or another archive, is rejected', async () => {
    const { root, file } = await backup();
    const cut = path.join(root, 'cut.tar.gz');
    writeFileSync(cut, readFileSync(file).subarray(0, -20));
    await expect(checked(cut)).rejects.toThrow(/cut.tar.gz cannot be unpacked: it is damaged or not a backup/);
    const other = path.join(root, 'other.tar.gz');
    await execa('tar', ['-czf', other, '-C', root, 'cut.tar.gz']);
    await expect(checked(other)).rejects.toThrow(
      /is not a backup of this system: it has no folder claude-agent-backup/,
    );
  });
});
