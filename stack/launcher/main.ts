/**
 * `npm run up | preview | refresh | down | login`: Pulumi with whatever it needs made on first use. Further arguments go
 * to Pulumi: `npm run up -- --yes`. `npm run pulumi -- config set …` is any other command of Pulumi on the same stack.
 * @module
 */
import * as path from 'node:path';

import { StackFileError } from '../config-file.ts';
import { ConfigError } from '../config-reader.ts';
import { SERVICE_URL, NAMES } from '../names.ts';
import { OWN_SESSION } from '../session-seed.ts';
import { SeedError } from '../seed-files.ts';
import { TOKEN_FILE } from '../token-file.ts';
import { checkAzureLogin } from './azure.ts';
import { checkConfig } from './config-check.ts';
import { findEngine, LauncherError, show } from './engine.ts';
import { readSurroundings } from './environment.ts';
import type { Surroundings } from './environment.ts';
import { login } from './login.ts';
import { dropNeedlessSalt, prepareStack } from './stack.ts';

const PULUMI_COMMAND: Readonly<Record<string, string>> = {
  up: 'up',
  preview: 'preview',
  refresh: 'refresh',
  down: 'destroy',
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  const [name = '', ...rest] = process.argv.slice(2);
  process.exitCode = await run(name, rest, readSurroundings());
} catch (error) {
  const mistakes = [LauncherError, SeedError, ConfigError, StackFileError];
  if (!(error instanceof Error) || !mistakes.some((kind) => error instanceof kind)) throw error;
  say(error.message);
  process.exitCode = 1;
}

async function run(name: string, rest: readonly string[], surroundings: Surroundings): Promise<number> {
  const { projectDir, env } = surroundings;
  if (name === 'login') {
    const folder = path.join(projectDir, OWN_SESSION);
    const claude = env['AGENT_CLAUDE_PATH'] ?? path.join(projectDir, 'node_modules', '.bin', 'claude');
    say(`Logged in: ${await login({ folder, claude, env, platform: process.platform })}. Next: npm run up`);
    return 0;
  }
  const command = PULUMI_COMMAND[name];
  if (command === undefined && name !== 'pulumi') {
    const allowed = [...Object.keys(PULUMI_COMMAND), 'pulumi', 'login'].join(', ');
    throw new LauncherError(`'${name}' is no command; allowed: ${allowed}.`);
  }
  const stack = stackOf(rest) ?? surroundings.stack ?? 'dev';
  if ((command === 'up' || command === 'preview') && !rest.some(setsConfig)) checkConfig(projectDir, stack);
  const engine = await findEngine(projectDir, env);
  const ready = await prepareStack(surroundings, engine, stack, say);
  if (command === undefined) {
    const exitCode = await show(engine, rest, projectDir, { ...ready.env, PULUMI_STACK: stack });
    dropNeedlessSalt(ready.committedFile);
    return exitCode;
  }
  await checkAzureLogin(ready.configFile);
  const args = [
    command,
    ...(stackOf(rest) === undefined ? ['--stack', stack] : []),
    '--config-file',
    ready.configFile,
    ...rest,
  ];
  const exitCode = await show(engine, args, projectDir, ready.env);
  if (command === 'up' && exitCode === 0) say(howToCall());
  return exitCode;
}

function setsConfig(arg: string): boolean {
  return /^(-c|--config)/.test(arg);
}

/** The value of `--stack` or `-s`, where given. */
function stackOf(args: readonly string[]): string | undefined {
  for (const [at, arg] of args.entries()) {
    if (arg === '--stack' || arg === '-s') return args[at + 1];
    if (arg.startsWith('--stack=')) return arg.slice('--stack='.length);
  }
  return undefined;
}

function howToCall(): string {
  return `
n8n calls   POST ${SERVICE_URL}/run
with        Authorization: Bearer (what is in ${TOKEN_FILE})

From this machine:
  kubectl -n ${NAMES.namespace} port-forward service/${NAMES.service} 3000:80
  curl -sS http://127.0.0.1:3000/run -H "Authorization: Bearer $(cat ${TOKEN_FILE})" -H 'Content-Type: application/json' -d '{"prompt": "Say hello."}'
`;
}
