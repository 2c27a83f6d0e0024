import { readdirSync, readFileSync } from 'node:fs';

/** The first process of the container. */
export const INIT = 1;

/** All other processes in /proc. */
export const otherProcesses = (): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);

/** The parent of a process; 0 if it has ended. */
export function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

/** This process and those that started it, up to the first one of the container. */
export function ancestors(): number[] {
  const all = [process.pid];
  for (let pid = process.ppid; pid > 0; pid = parentOf(pid)) all.push(pid);
  return all;
}

/** The runner: what PID 1 has started, and what has started everything of this run. */
export const runner = (): number => ancestors().find((pid) => parentOf(pid) === INIT) ?? 0;

const TOKENS = ['CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_API_KEY'];

/**
 * The token of this run, undefined if there is none. The CLI leaves it out of the environment of what it starts, but not out
 * of its own, which every process of its user may read.
 */
export function ownToken(): string | undefined {
  const entries = ancestors().flatMap((pid) => environmentOf(pid));
  return TOKENS.flatMap((name) => entries.flatMap(([key, value]) => (key === name && value !== '' ? [value] : [])))[0];
}

function environmentOf(pid: number): [name: string, value: string][] {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return entries.map((entry) => [entry.split('=')[0] ?? '', entry.slice(entry.indexOf('=') + 1)]);
  } catch {
    return [];
  }
}
