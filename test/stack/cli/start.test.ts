import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { findEngine } from '../../../stack/cli/system/engine.ts';

describe('the start of the launcher', () => {
  test("does not load Pulumi's SDK, which takes longer than everything else", async () => {
    const script = `
      await import('./stack/cli/main.ts');
      const { createRequire } = await import('node:module');
      console.log(JSON.stringify(Object.keys(createRequire('/').cache)));`;
    const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', script], { reject: false });
    const loaded = JSON.parse(stdout) as string[];
    expect(loaded.filter((file) => file.includes('/yaml/'))).not.toHaveLength(0);
    expect(loaded.filter((file) => file.includes('/@pulumi/'))).toHaveLength(0);
  });

  test('uses the engine on the PATH if it is an executable file', () => {
    const [empty, folder, text, program] = ['empty', 'folder', 'text', 'program'].map((name) =>
      mkdtempSync(path.join(tmpdir(), `path-${name}-`)),
    ) as [string, string, string, string];
    mkdirSync(path.join(folder, 'pulumi'));
    writeFileSync(path.join(text, 'pulumi'), '', { mode: 0o644 });
    writeFileSync(path.join(program, 'pulumi'), '', { mode: 0o755 });
    const found = (...folders: string[]) => findEngine('.', { PATH: folders.join(path.delimiter) });
    expect(found(empty, folder, text, program)).toEqual({ program: 'pulumi', prefix: [] });
    const manifest = JSON.parse(readFileSync('node_modules/@pulumi/pulumi/package.json', 'utf8')) as {
      version: string;
    };
    const fromNpm = { program: 'npx', prefix: ['--yes', `pulumi@${manifest.version}`] };
    expect(found(empty, folder, text)).toEqual(fromNpm);
    expect(findEngine('.', {})).toEqual(fromNpm);
  });
});
