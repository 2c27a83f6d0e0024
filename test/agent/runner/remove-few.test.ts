import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeFew } from '../../../agent/runner/remove-few.ts';

let folder: string;
let outside: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'few-'));
  outside = mkdtempSync(path.join(tmpdir(), 'outside-'));
  writeFileSync(path.join(outside, 'kept'), '');
});
afterEach(() => {
  // `rm` removes what Node.js has no name for.
  execFileSync('rm', ['-rf', folder]);
  rmSync(outside, { recursive: true });
});

const shell = (script: string) => execFileSync('sh', ['-c', `set -e\n${script}`, 'sh', outside], { cwd: folder });

it('removes files, folders, pipes and links, but nothing that a link leads to', async () => {
  shell(
    'mkdir -p .a/b/c; : > .a/b/c/.d; : > -e; mkfifo f; ln -s "$1" g; ln -s "$1/kept" .a/h; ln -s nowhere i; ln "$1/kept" k',
  );
  expect(await removeFew([folder])).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
  expect(existsSync(path.join(outside, 'kept'))).toBe(true);
});

it.each([
  ['more entries than a usual run has', 'touch $(seq 1001)'],
  ['a path that is too long', `perl -e 'for (1 .. 600) { mkdir "deep-deep-deep"; chdir "deep-deep-deep" or die }'`],
  ['a name that is no UTF-8', String.raw`: > "$(printf 'a\377')"`],
])('says so if there is %s', async (_, script) => {
  shell(script);
  expect(await removeFew([folder])).toBe(false);
});

it('says so if a folder is gone', async () => {
  expect(await removeFew([path.join(folder, 'gone')])).toBe(false);
});
