import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';

const project = parse(readFileSync('Pulumi.yaml', 'utf8')) as {
  main: string;
  runtime: { options: { nodeargs: string } };
};
const folder = mkdtempSync(path.join(tmpdir(), 'preload-'));

beforeAll(() => {
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(path.resolve('node_modules', '@pulumi'), path.join(folder, 'node_modules', '@pulumi'));
  for (const file of ['stack/pulumi-internals/preload.js', 'package.json']) cpSync(file, path.join(folder, file));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The output of a program that is started with arguments for Node; by default those that Pulumi passes. */
async function run(program: string, nodeargs = project.runtime.options.nodeargs.split(' ')): Promise<string> {
  writeFileSync(path.join(folder, 'stack', 'program.ts'), program);
  const { stdout } = await execa(process.execPath, [...nodeargs, 'program.ts'], {
    cwd: path.join(folder, project.main),
  });
  return stdout;
}

/** Prints how many files are loaded, once the SDK is as its `cmd/run` loads it. */
const COUNT = `
import { createRequire } from 'node:module';
const require = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'));
require('./cmd/run/instrumentation.js');
require('source-map-support/register');
require('@pulumi/pulumi');
console.log(Object.keys(require.cache).length);`;

test('compiled code is cached for the next start', async () => {
  expect(await run(`import module from 'node:module'; console.log(module.getCompileCacheDir());`)).toContain(
    path.join('node_modules', '.cache'),
  );
});

test("less than two thirds of the files of Pulumi's SDK are loaded", async () => {
  const [all, loaded] = [Number(await run(COUNT, [])), Number(await run(COUNT))];
  expect(loaded).toBeGreaterThan(0);
  expect(loaded).toBeLessThan((all * 2) / 3);
});

test('the rest of it is loaded when it is used', async () => {
  const program = `
import * as pulumi from '@pulumi/pulumi';
const { text } = await pulumi.runtime.serializeFunction(() => 'as before');
console.log(text.includes('as before'));`;
  expect(await run(program)).toBe('true');
});

test("an error names the line of the program's own TypeScript", async () => {
  const program = `interface Nothing {\n  readonly x: number;\n}\nimport '@pulumi/pulumi';\nconsole.log(new Error('here').stack);`;
  expect(await run(program)).toContain('program.ts:5:');
});
