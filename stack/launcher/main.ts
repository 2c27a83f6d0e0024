/**
 * `npm run up | preview | refresh | down | rollback | login | doctor | backup | restore`: Pulumi with whatever it needs made on
 * first use. Further arguments go to Pulumi: `npm run up -- --yes`. `npm run pulumi -- config set …` is any other command of
 * Pulumi on the same stack.
 * @module
 */
import * as path from 'node:path';

import { StackFileError } from '../config-file.ts';
import { ConfigError } from '../config-reader.ts';
import { OWN_SESSION } from '../session-seed.ts';
import { SeedError } from '../seed-files.ts';
import { backup } from './backup/backup.ts';
import { refuseWithinRestore } from './backup/progress.ts';
import { restore } from './backup/restore.ts';
import { down, preview, pulumi, refresh, rollback, up } from './commands.ts';
import { doctor } from './doctor/report.ts';
import { LauncherError } from './engine.ts';
import { readSurroundings } from './environment.ts';
import type { Surroundings } from './environment.ts';
import { login } from './login.ts';

/** As Pulumi.yaml names it. */
const PROJECT = 'claude-code-agent';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  const [name = '', ...given] = process.argv.slice(2);
  process.exitCode = await run(name, given, readSurroundings());
} catch (error) {
  const mistakes = [LauncherError, SeedError, ConfigError, StackFileError];
  if (!(error instanceof Error) || !mistakes.some((kind) => error instanceof kind)) throw error;
  say(error.message);
  process.exitCode = 1;
}

function run(name: string, given: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stack = surroundings.stack ?? 'dev', rest: args } = stackOf(given);
  const context = { surroundings, project: PROJECT, stack, args, say };
  const commands: Readonly<Record<string, () => Promise<number>>> = {
    up: () => {
      refuseWithinRestore(surroundings.localDir);
      return up(context);
    },
    preview: () => preview(context),
    refresh: () => refresh(context),
    down: () => down(context),
    rollback: () => rollback(context),
    login: () => logIn(surroundings),
    doctor: () => doctor(context),
    backup: () => backup(context),
    restore: () => restore({ ...context, up: (...args) => up({ ...context, args }) }),
    pulumi: () => pulumi(context, given),
  };
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    throw new LauncherError(`'${name}' is no command; allowed: ${Object.keys(commands).join(', ')}.`);
  }
  return command();
}

async function logIn({ projectDir, env }: Surroundings): Promise<number> {
  const folder = path.join(projectDir, OWN_SESSION);
  const claude = env['AGENT_CLAUDE_PATH'] ?? path.join(projectDir, 'node_modules', '.bin', 'claude');
  say(`Logged in: ${await login({ folder, claude, env, platform: process.platform })}. Next: npm run up`);
  return 0;
}

/** The value of `--stack` or `-s`, where given, and the arguments without it. */
function stackOf(args: readonly string[]): { stack?: string; rest: readonly string[] } {
  for (const [at, arg] of args.entries()) {
    const next = args[at + 1];
    if ((arg === '--stack' || arg === '-s') && next !== undefined) return { stack: next, rest: args.toSpliced(at, 2) };
    if (arg.startsWith('--stack=')) return { stack: arg.slice('--stack='.length), rest: args.toSpliced(at, 1) };
  }
  return { rest: args };
}
