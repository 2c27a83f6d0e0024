import { stripVTControlCharacters } from 'node:util';

import { execa } from 'execa';

/** How to run a program. */
export interface RunOptions {
  readonly cwd?: string;
  /** Its whole environment; by default that of this process. */
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  /** When it is killed, in milliseconds; 0 for never. */
  readonly timeoutMs?: number;
}

/** Why a program failed. */
export interface RunFailure {
  /** The reason in one line of at most 300 characters. */
  readonly failure: string;
  /** The reason and the output after it, at most five lines. */
  readonly lines: string;
  /** Whether the program is not on the PATH. */
  readonly missing: boolean;
  /** Undefined if it did not run or was ended by a signal. */
  readonly exitCode: number | undefined;
  /** Everything it printed, on both streams. */
  readonly printed: string;
}

/** The standard output of a program, or why it failed. */
export type RunAttempt = { readonly output: string } | RunFailure;

const TIMEOUT_MS = 20_000;

/** Runs a program and returns its output. Never rejects. */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, env, timeoutMs = TIMEOUT_MS }: RunOptions = {},
): Promise<RunAttempt> {
  const result = await execa(program, args, {
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env, extendEnv: false }),
    reject: false,
    stdin: 'ignore',
    all: true,
    timeout: timeoutMs,
  });
  const { failed, stdout, stderr, all, exitCode, timedOut } = result;
  if (!failed) return { output: stdout };
  const told = causeLines(stderr) || causeLines(stdout);
  const missing = result.code === 'ENOENT';
  const common = { missing, exitCode, printed: all };
  if (missing || timedOut || told === '') {
    const failure = timedOut ? `${program} did not finish within ${timeoutMs / 1000} s` : withoutWords(program, result);
    return { ...common, failure, lines: failure };
  }
  return { ...common, failure: causeIn(stderr) || causeIn(stdout), lines: told };
}

/**
 * Runs a program on the operator's terminal.
 * @returns Its exit code, or why there is none.
 */
export async function show(
  program: string,
  args: readonly string[],
  { cwd, env }: Omit<RunOptions, 'timeoutMs'>,
): Promise<{ readonly exitCode: number } | { readonly failure: string }> {
  const result = await execa(program, args, {
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env, extendEnv: false }),
    stdio: 'inherit',
    reject: false,
  });
  const { exitCode } = result;
  return exitCode === undefined ? { failure: withoutWords(program, result) } : { exitCode };
}

/**
 * Starts a program that keeps running.
 * @param timeoutMs When it is killed.
 * @returns Its first output, or why it ended before that; and a function that ends it.
 */
export async function start(
  program: string,
  args: readonly string[],
  timeoutMs = TIMEOUT_MS,
): Promise<{ readonly first: RunAttempt; readonly stop: () => Promise<void> }> {
  const child = execa(program, args, { stdin: 'ignore', reject: false, timeout: timeoutMs });
  const ended = child.then((result): RunFailure => {
    const failure = causeIn(result.stderr) || withoutWords(program, result);
    const { exitCode, stderr: printed } = result;
    return { failure, lines: failure, missing: result.code === 'ENOENT', exitCode, printed };
  });
  const printed = new Promise<RunAttempt>((resolve) => {
    child.stdout.once('data', (chunk: Buffer) => resolve({ output: chunk.toString() }));
  });
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  return { first: await Promise.race([printed, ended]), stop };
}

/**
 * Whether a process exists.
 * @param program What it must be running, because the system reuses process ids. Not for programs in Node.js, which have
 * other names.
 */
export async function isRunning(pid: number, program = ''): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: a process of another user.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
  }
  const found = await run('ps', ['-p', String(pid), '-o', 'stat=,comm=']);
  // Z (zombie): it has ended, but its parent has not read its exit status yet.
  return 'failure' in found || (found.output.includes(program) && !found.output.startsWith('Z'));
}

/** Why a program did not run, or failed without output. */
function withoutWords(
  program: string,
  { code, shortMessage = '' }: { code?: string | undefined; shortMessage?: string | undefined },
): string {
  if (code === 'ENOENT') return `${program} is not on the PATH`;
  return `it printed nothing (${shortMessage.split(': ')[0] ?? shortMessage})`;
}

/** Lines that never contain the reason of a failure: kubectl's log, warnings, and the names of failed steps. */
const BESIDES =
  /^([EWIF]\d{4} |warning:|npm warn|defaulted container|command terminated with exit code|(error: )?(preview|update) failed$)/i;
const LONGEST = 300;
const MOST_LINES = 5;

/**
 * The output of a failed program, starting with the reason. That is the first line that begins with an error, otherwise the
 * first that mentions one, otherwise the first line. Later lines are advice or consequences.
 */
function spoken(text: string): string[] {
  const lines = stripVTControlCharacters(text)
    .split('\n')
    // A stack trace.
    .filter((line) => !/^\s+at /.test(line))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !BESIDES.test(line));
  const begins = lines.findIndex((line) => /^(\S+ )?(error|fatal)\b/i.test(line));
  const speaks = lines.findIndex((line) => /\b(error|ERR!)(?![\w-])/i.test(line));
  return lines.slice(begins !== -1 ? begins : Math.max(speaks, 0));
}

/** The reason in the output of a failed program, and what follows it; empty if it printed nothing. */
export const causeLines = (printed: string): string => spoken(printed).slice(0, MOST_LINES).join('\n');

/** Only the reason, in one line. */
export function causeIn(printed: string): string {
  const [first = '', second = ''] = spoken(printed);
  // A heading, or only an error code of npm.
  const isHeading = first.endsWith(':') || /^npm (error|ERR!) code /.test(first);
  const cause = isHeading ? `${first} ${second}`.trim() : first;
  return cause.length <= LONGEST ? cause : `${cause.slice(0, LONGEST - 1)}…`;
}
