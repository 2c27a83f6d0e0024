import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';
import { expect, test } from 'vitest';

import { partialCheckout } from '../support/partial-checkout.ts';

const copy = () =>
  partialCheckout([
    'agent',
    'docs',
    'scripts',
    'stack',
    'watchdog',
    'package.json',
    'Pulumi.yaml',
    '.prettierrc.json',
    '.editorconfig',
  ]);
const docs = (cwd: string, ...args: string[]) =>
  execa(process.execPath, ['scripts/generate.ts', 'tables', ...args], { cwd, reject: false });

test('generate --check passes if the tables of settings are up to date, and otherwise names the command that updates them', async () => {
  const folder = copy();
  const project = path.join(folder, 'Pulumi.yaml');
  writeFileSync(project, readFileSync(project, 'utf8').replace('default: 100\n', 'default: 200\n'));
  const watchdog = path.join(folder, 'docs', 'watchdog.md');
  writeFileSync(
    watchdog,
    readFileSync(watchdog, 'utf8').replace(/`WATCHDOG_ATTEMPTS` +\| `3`/, '`WATCHDOG_ATTEMPTS` | `4`'),
  );
  const drifted = await docs(folder, '--check');
  expect(drifted.exitCode).toBe(1);
  expect(drifted.stderr).toContain('docs/configuration.md is out of date. Run: npm run generate -- tables');
  expect(drifted.stderr).toContain('docs/watchdog.md is out of date');
  expect((await docs(folder)).exitCode).toBe(0);
  expect(await docs(folder, '--check')).toMatchObject({ exitCode: 0, stderr: '' });
  const page = readFileSync(path.join(folder, 'docs', 'configuration.md'), 'utf8');
  expect(page).toMatch(/\| `queueLimit` +\| integer \| `200` /);
  expect(page).toMatch(/### Resources\n\n[^#]*`memoryLimit`/);
  expect(page).toMatch(/\| `AGENT_QUEUE_LIMIT` +\| `100` /);
  expect(readFileSync(watchdog, 'utf8')).toMatch(/\| `WATCHDOG_ATTEMPTS` +\| `3` /);
});
