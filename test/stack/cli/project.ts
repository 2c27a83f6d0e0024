import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { parseEnv } from 'node:util';

import { execa } from 'execa';

import { COMPILE_CACHE } from '../../support/compile-cache.ts';
import { partialCheckout } from '../../support/partial-checkout.ts';

const PULUMI = path.resolve(import.meta.dirname, '../../doubles/pulumi/pulumi.sh');

/** A `claude` that logs in by writing `FAKE_LOGIN` to its credentials file, and records its environment. */
const CLAUDE = `#!${process.execPath}
import fs from 'node:fs';
const { CLAUDE_CONFIG_DIR: folder, FAKE_NOTES: notes, FAKE_LOGIN: login } = process.env;
fs.writeFileSync(notes + '/claude.json', JSON.stringify({ args: process.argv.slice(2), env: process.env }));
if (login === 'fails') process.exit(1);
if (login !== undefined) fs.writeFileSync(folder + '/.credentials.json', login, { mode: 0o644 });
`;

/** A program that fails, and prints `FAKE_<NAME>`. */
const failing = (name: string) =>
  `#!/bin/sh\necho "\${FAKE_${name}:-${name.toLowerCase()} cannot connect}" >&2\nexit 1\n`;

/** Arguments and environment of a call of the engine. */
export interface Call {
  readonly args: string[];
  readonly env: Record<string, string>;
}

/** A checkout for npm commands, with doubles of the programs that they start. */
export function project() {
  const folder = partialCheckout([
    'stack',
    'agent/budgets/rules.ts',
    'agent/callers/rules.ts',
    'agent/git/address.ts',
    'agent/git/azure-path.ts',
    'agent/git/rules.ts',
    'agent/http/reach/rules.ts',
    'agent/tracing/rules.ts',
    'agent/rule-values.ts',
    'agent/claude-settings-keys.ts',
    'agent/contract.ts',
    'watchdog/contract.ts',
    'package.json',
    'Pulumi.yaml',
    'Pulumi.dev.yaml',
  ]);
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  copyFileSync(PULUMI, path.join(bin, 'pulumi'));
  writeFileSync(path.join(bin, 'claude'), CLAUDE, { mode: 0o755 });
  for (const name of ['docker', 'kubectl'])
    writeFileSync(path.join(bin, name), failing(name.toUpperCase()), { mode: 0o755 });
  const at = (...parts: string[]) => path.join(folder, ...parts);
  const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: folder, FAKE_NOTES: bin, AGENT_CLAUDE_PATH: at('bin', 'claude') };
  return {
    at,
    env,
    read: (...parts: string[]) => readFileSync(at(...parts), 'utf8'),
    calls: () =>
      readFileSync(at('bin', 'calls'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line): Call => {
          const [args = [], variables = []] = line.split('\x1e').map((part) => part.split('\x1f').slice(0, -1));
          return { args, env: parseEnv(variables.join('\n')) as Record<string, string> };
        }),
    launch: (args: string[], more: Record<string, string> = {}) =>
      execa(process.execPath, [at('stack', 'cli', 'main.ts'), ...args], {
        cwd: tmpdir(),
        env: { ...env, ...COMPILE_CACHE, ...more },
        extendEnv: false,
        reject: false,
      }),
  };
}

/** Makes a `kubectl` for a deployed system. Each object that it is asked about exists, unless it fails with `failure`. */
export function answerWithObjects(file: string, failure = ''): void {
  const script = `#!${process.execPath}
import fs from 'node:fs';
const { argv } = process;
const at = argv.indexOf('--filename');
if (argv.includes('namespace/claude-agent')) process.stdout.write('pulumi');
else if (at === -1 || '${failure}' !== '') {
  console.error('${failure || 'NotFound'}');
  process.exitCode = 1;
} else {
  const list = JSON.parse(fs.readFileSync(argv[at + 1], 'utf8'));
  for (const { kind, metadata } of list.items)
    metadata.managedFields = [{ manager: 'pulumi-kubernetes-' + kind + '-' + metadata.name, operation: 'Apply' }];
  console.log(JSON.stringify(list));
}
`;
  writeFileSync(file, script, { mode: 0o755 });
}
