import { stripVTControlCharacters } from 'node:util';

import { execa } from 'execa';

/** How to run a program. */
export interface RunOptions {
  readonly cwd?: string;
  /** All of its environment; without it, that of this process. */
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  /** It is ended after this, in milliseconds; 0 is never. */
  readonly timeoutMs?: number;
}

/** Why a program gave no output. */
export interface RunFailure {
  /** The reason in one line of at most 300 characters. */
  readonly failure: string;
  /** The reason and what it printed after it, at most five lines. */
  readonly lines: string;
  /** The program is not on the PATH. */
  readonly missing: boolean;
  /** Undefined where it did not run, or a signal ended it. */
  readonly exitCode: number | undefined;
  /** Everything that it printed, on both streams. */
  readonly printed: string;
}

/** What became of a program: its standard output, or why there is none. */
export type RunAttempt = { readonly output: string } | RunFailure;

const TIMEOUT_MS = 20_000;

/** Runs a program for its output; never rejects. */
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
    const failure = timedOut ? `${program} did not answer in ${timeoutMs / 1000} s` : withoutWords(program, result);
    return { ...common, failure, lines: failure };
  }
  return { ...common, failure: causeIn(stderr) || causeIn(stdout), lines: told };
}

/**
 * Runs a program on the operator's terminal.
 * @returns its exit code, or why there is none.
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
 * Starts a program that goes on running.
 * @returns what it printed first, or why it ended without a word; and how to end it.
 */
export async function start(
  program: string,
  args: readonly string[],
): Promise<{ readonly first: RunAttempt; readonly stop: () => Promise<void> }> {
  const child = execa(program, args, { stdin: 'ignore', reject: false, timeout: TIMEOUT_MS });
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
 * Whether a process is there.
 * @param program It has to be of this one: the system gives an id that is free again to any other. Node.js goes by
 * other names.
 */
export async function isRunning(pid: number, program = ''): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's process.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
  }
  const found = await run('ps', ['-p', String(pid), '-o', 'stat=,comm=']);
  // Z: it was killed, and nobody has asked yet how it ended.
  return 'failure' in found || (found.output.includes(program) && !found.output.startsWith('Z'));
}

/** Why a program did not run, or ended, without a word. */
function withoutWords(
  program: string,
  { code, shortMessage = '' }: { code?: string | undefined; shortMessage?: string | undefined },
): string {
  if (code === 'ENOENT') return `${program} is not on the PATH`;
  return `it said nothing (${shortMessage.split(': ')[0] ?? shortMessage})`;
}

/** What a program prints besides the reason of its failure: kubectl's log, warnings, and that a part of it failed. */
const BESIDES =
  /^([EWIF]\d{4} |warning:|npm warn|defaulted container|command terminated with exit code|(error: )?(preview|update) failed$)/i;
const LONGEST = 300;
const MOST_LINES = 5;

/**
 * What a program printed, from the reason of its failure on. The first line that begins with an error has it, or else the
 * first that speaks of one, or else the first at all: what comes later is advice, or what failed for that reason.
 */
function spoken(text: string): string[] {
  const lines = stripVTControlCharacters(text)
    .split('\n')
    // A stack.
    .filter((line) => !/^\s+at /.test(line))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !BESIDES.test(line));
  const begins = lines.findIndex((line) => /^(\S+ )?(error|fatal)\b/i.test(line));
  const speaks = lines.findIndex((line) => /\b(error|ERR!)(?![\w-])/i.test(line));
  return lines.slice(begins !== -1 ? begins : Math.max(speaks, 0));
}

/** The reason in what a program printed when it failed, and what follows it; empty where it printed nothing. */
export const causeLines = (printed: string): string => spoken(printed).slice(0, MOST_LINES).join('\n');

/** The reason alone, in one line. */
export function causeIn(printed: string): string {
  const [first = '', second = ''] = spoken(printed);
  // A heading, or a mere code of npm's.
  const isHeading = first.endsWith(':') || /^npm (error|ERR!) code /.test(first);
  const cause = isHeading ? `${first} ${second}`.trim() : first;
  return cause.length <= LONGEST ? cause : `${cause.slice(0, LONGEST - 1)}…`;
}
