import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { execa } from 'execa';

import { partialCheckout } from '../../support/partial-checkout.ts';

/** A `pulumi` that keeps stacks in a file, writes a salt on `stack init` as the real one does, and notes how it was called. */
const PULUMI = `#!${process.execPath}
import fs from 'node:fs';
const args = process.argv.slice(2);
const notes = process.env.FAKE_NOTES;
const [stacks, calls] = [notes + '/stacks.json', notes + '/calls.jsonl'];
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('PULUMI_')));
fs.appendFileSync(calls, JSON.stringify({ args, env }) + '\\n');
if (process.env.FAKE_SALT && args[0] === 'whoami') fs.appendFileSync('Pulumi.dev.yaml', 'encryptionsalt: v1:salt\\n');
const known = fs.existsSync(stacks) ? JSON.parse(fs.readFileSync(stacks)) : [];
switch (args.slice(0, 2).join(' ')) {
  case 'stack ls': console.log(JSON.stringify(known)); break;
  case 'stack init':
    if (process.env.FAKE_FAILS) { console.error('error: no such bucket'); process.exit(1); }
    fs.appendFileSync('Pulumi.' + args[2] + '.yaml', 'encryptionsalt: v1:salt\\n');
    fs.writeFileSync(stacks, JSON.stringify([...known, { name: args[2], resourceCount: 0 }]));
    break;
  case 'stack export': console.log(fs.existsSync(notes + '/state.json') ? fs.readFileSync(notes + '/state.json', 'utf8') : '{}'); break;
  case 'stack import': fs.copyFileSync(args[args.indexOf('--file') + 1], notes + '/state.json'); break;
  case 'up --stack': case 'destroy --stack': case 'preview --stack': case 'refresh --stack':
    process.exit(Number(process.env.FAKE_EXIT ?? 0));
}
`;

/** A CLI that logs in by writing what it is told to, and notes its environment. */
const CLAUDE = `#!${process.execPath}
import fs from 'node:fs';
const { CLAUDE_CONFIG_DIR: folder, FAKE_NOTES: notes, FAKE_LOGIN: login } = process.env;
fs.writeFileSync(notes + '/claude.json', JSON.stringify({ args: process.argv.slice(2), env: process.env }));
if (login === 'fails') process.exit(1);
if (login !== undefined) fs.writeFileSync(folder + '/.credentials.json', login, { mode: 0o644 });
`;

/** A program that fails, saying what a test has it say. */
const failing = (name: string) =>
  `#!/bin/sh\necho "\${FAKE_${name}:-${name.toLowerCase()} reaches nobody}" >&2\nexit 1\n`;

/** How the engine was called. */
export interface Call {
  readonly args: string[];
  readonly env: Record<string, string>;
}

/** A checkout to start the launcher in, with doubles of the programs that it calls. */
export function project() {
  const folder = partialCheckout([
    'stack',
    'agent/contract.ts',
    'watchdog/contract.ts',
    'package.json',
    'Pulumi.yaml',
    'Pulumi.dev.yaml',
  ]);
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'pulumi'), PULUMI, { mode: 0o755 });
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
      readFileSync(at('bin', 'calls.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Call),
    launch: (args: string[], more: Record<string, string> = {}) =>
      execa(process.execPath, [at('stack', 'cli', 'main.ts'), ...args], {
        cwd: tmpdir(),
        env: { ...env, ...more },
        extendEnv: false,
        reject: false,
      }),
  };
}
