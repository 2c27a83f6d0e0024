import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const LONGEST_MS = 15_000;
/** The CLI answers without waiting for the profile, and would end without it. */
const PROFILE_MS = 3000;
const LOOK_MS = 50;

const QUESTION = { type: 'control_request', request_id: 'model', request: { subtype: 'get_settings' } };
const answer = z.object({
  type: z.literal('control_response'),
  response: z.object({ response: z.object({ applied: z.object({ model: z.string().min(1) }) }) }),
});

/** How the CLI is asked. */
export interface DefaultModelQuestion {
  readonly claudePath: string;
  /** The whole environment of the CLI; it says where the login is. */
  readonly environment: Readonly<Record<string, string>>;
  /** A file with settings of every run. */
  readonly claudeSettings: string | undefined;
  /**
   * Whether the CLI has read the account of the login from Anthropic and written it to its configuration folder. It stays
   * three seconds for that.
   */
  readonly hasAccount: () => boolean;
}

/**
 * Asks the CLI which model it would use, without a prompt. It also renews a login that ends within five minutes.
 * @returns when the CLI has ended.
 * @throws if it cannot be started or names no model within 15 seconds, or the settings cannot be read. Its output is not part
 *   of the error.
 */
export async function askDefaultModel(question: DefaultModelQuestion): Promise<string> {
  const { claudePath, environment, claudeSettings, hasAccount } = question;
  const child = spawn(claudePath, ownArguments(claudeSettings), {
    env: environment,
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  });
  const closed = once(child, 'close');
  closed.catch(() => undefined);
  // A program that does not read it names no model.
  child.stdin.on('error', () => undefined).write(`${JSON.stringify(QUESTION)}\n`);
  const model = await firstModelIn(child.stdout);
  if (model !== undefined) {
    for (let waited = 0; waited < PROFILE_MS && !hasAccount(); waited += LOOK_MS) await sleep(LOOK_MS);
  }
  child.stdin.end();
  await closed;
  if (model === undefined) throw new Error('claude named no model');
  return model;
}

/**
 * The arguments of a process of the agent's own, beside its login, that keeps no conversation.
 * @param claudeSettings a file with settings of every run.
 * @throws if it cannot be read.
 */
export function ownArguments(claudeSettings: string | undefined): string[] {
  // Hooks are for runs, and would run beside the login.
  const settings = JSON.stringify({ ...settingsIn(claudeSettings), disableAllHooks: true });
  return [
    '-p',
    ...['--input-format', 'stream-json'],
    ...['--output-format', 'stream-json'],
    '--verbose',
    '--no-session-persistence',
    ...['--setting-sources', 'user', '--strict-mcp-config'],
    `--settings=${settings}`,
  ];
}

async function firstModelIn(stdout: Readable): Promise<string | undefined> {
  for await (const line of createInterface({ input: stdout })) {
    const model = modelIn(line);
    if (model === undefined) continue;
    stdout.resume();
    return model;
  }
  return undefined;
}

function settingsIn(file: string | undefined): object {
  return file === undefined ? {} : (JSON.parse(readFileSync(file, 'utf8')) as object);
}

function modelIn(line: string): string | undefined {
  if (!line.startsWith('{') || !line.includes('"control_response"')) return undefined;
  return answer.safeParse(JSON.parse(line)).data?.response.response.applied.model;
}
