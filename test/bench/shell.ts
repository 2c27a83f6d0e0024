import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { claudeEnvironment } from '../../agent/claude/environment.ts';
import { CLAUDE } from '../support/claude.ts';

const TIMEOUT_MS = 300_000;

/** `claude -p` as typed in a shell, in an empty folder. */
export interface Shell extends AsyncDisposable {
  /** Runs a prompt until the process has ended. @throws if the output does not contain `expected`. */
  ask(prompt: string, expected: string): Promise<void>;
}

/** @param variables the environment of an agent. The CLI gets those that the agent passes on. */
export async function makeShell(variables: Readonly<Record<string, string>>): Promise<Shell> {
  const cwd = await mkdtemp(path.join(tmpdir(), 'shell-'));
  const env = claudeEnvironment({ PATH: process.env['PATH'], ...variables }, {}, 'shell', TIMEOUT_MS);
  return {
    async ask(prompt, expected) {
      const { stdout } = await execa(CLAUDE, ['-p', prompt], {
        ...{ cwd, env, extendEnv: false, stdin: 'ignore', timeout: TIMEOUT_MS },
      });
      if (!stdout.includes(expected)) throw new Error(`claude -p printed ${stdout}`);
    },
    [Symbol.asyncDispose]: () => rm(cwd, { recursive: true, force: true, maxRetries: 3 }),
  };
}
