import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

test('the arguments that Pulumi gives to Node keep what it compiles in node_modules', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'compile-cache-'));
  mkdirSync(path.join(folder, 'stack'));
  for (const file of ['compile-cache.ts', 'names.ts']) cpSync(`stack/${file}`, path.join(folder, 'stack', file));
  cpSync('package.json', path.join(folder, 'package.json'));
  const project = parse(readFileSync('Pulumi.yaml', 'utf8')) as { main: string; runtime: { options: NodeOptions } };
  await execa(process.execPath, [project.runtime.options.nodeargs, 'names.ts'], {
    cwd: path.join(folder, project.main),
  });
  expect(readdirSync(path.join(folder, 'node_modules', '.cache', 'compile'))).toHaveLength(1);
});

interface NodeOptions {
  readonly nodeargs: string;
}
