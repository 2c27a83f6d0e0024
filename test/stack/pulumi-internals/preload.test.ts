import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';

const project = parse(readFileSync('Pulumi.yaml', 'utf8')) as { main: string; runtime: { options: NodeOptions } };
const folder = mkdtempSync(path.join(tmpdir(), 'preload-'));

interface NodeOptions {
  readonly nodeargs: string;
}

beforeAll(() => {
  mkdirSync(path.join(folder, 'stack'));
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(path.resolve('node_modules', '@pulumi'), path.join(folder, 'node_modules', '@pulumi'));
  for (const file of ['stack/pulumi-internals/preload.js', 'package.json']) cpSync(file, path.join(folder, file));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What a program prints that starts with the arguments that Pulumi gives to Node. */
async function run(program: string): Promise<string> {
  writeFileSync(path.join(folder, 'stack', 'program.ts'), program);
  const args = [...project.runtime.options.nodeargs.split(' '), 'program.ts'];
  return (await execa(process.execPath, args, { cwd: path.join(folder, project.main) })).stdout;
}

/** Tells of a package whether anything of it is loaded, and not only stood in for. */
const LOADED = `
import { createRequire } from 'node:module';
import { types } from 'node:util';
const entries = Object.values(createRequire(import.meta.url).cache);
const loaded = (name) => entries.some(({ filename, exports }) => filename.includes(\`/node_modules/\${name}/\`) && !types.isProxy(exports));`;

test('keeps what Node compiles in node_modules', async () => {
  await run('export {};');
  expect(readdirSync(path.join(folder, 'node_modules', '.cache', 'compile'))).toHaveLength(1);
});

test("loads of Pulumi's runtime what this program needs", async () => {
  const printed = await run(`
import * as pulumi from '@pulumi/pulumi';
import '@pulumi/pulumi/cmd/run/tracing.js';
${LOADED}
const names = ['@grpc/grpc-js', 'typescript', '@npmcli/arborist', '@opentelemetry/exporter-zipkin', '@opentelemetry/instrumentation'];
console.log(names.filter(loaded).join());`);
  expect(printed).toBe('@grpc/grpc-js');
});

test('loads the rest of it when it is used', async () => {
  const printed = await run(`
import * as pulumi from '@pulumi/pulumi';
const { text } = await pulumi.runtime.serializeFunction(() => 'as before');
${LOADED}
console.log(text.includes('as before'), loaded('typescript'));`);
  expect(printed).toBe('true true');
});
