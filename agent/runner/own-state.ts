import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { fieldsOfStat, readFile } from '../claude/proc.ts';

const run = promisify(execFile);

/** What another process of the same user can change about this one, and keeps when it has ended. */
export type OwnState = Readonly<Record<string, string>>;

/** Reads limits, priorities and affinity of this process and of each of its threads. */
export async function ownState(): Promise<OwnState> {
  const threads = readdirSync('/proc/self/task').flatMap((id) => stateOfThread(id) ?? []);
  const values = (name: keyof ThreadState) => [...new Set(threads.map((thread) => thread[name]))].sort().join(', ');
  return {
    ...limits(),
    nice: values('nice'),
    scheduler: values('scheduler'),
    'CPU affinity': values('affinity'),
    'I/O priority': await ioPriorities(threads.map(({ id }) => id)),
    oom_score_adj: readFileSync('/proc/self/oom_score_adj', 'utf8').trim(),
    autogroup: readFileIfThere('/proc/self/autogroup').replace(/^\S+ /, ''),
  };
}

/** The names of what differs. */
export function changesBetween(before: OwnState, now: OwnState): string[] {
  return Object.keys({ ...before, ...now }).filter((name) => before[name] !== now[name]);
}

/** `Max open files` and so on, each with its soft and hard limit. */
function limits(): OwnState {
  const lines = readFileSync('/proc/self/limits', 'utf8').trim().split('\n').slice(1);
  return Object.fromEntries(
    lines.map((line) => {
      const [name = line, ...values] = line.trim().split(/\s{2,}/);
      return [name, values.join(' ')];
    }),
  );
}

interface ThreadState {
  readonly id: string;
  readonly nice: string;
  readonly scheduler: string;
  readonly affinity: string;
}

/** Undefined if it has ended. */
function stateOfThread(id: string): ThreadState | undefined {
  const stat = readFileIfThere(`/proc/self/task/${id}/stat`);
  const [, affinity = ''] = /^Cpus_allowed:\s+(\S+)/m.exec(readFileIfThere(`/proc/self/task/${id}/status`)) ?? [];
  // Fields 19, 40 and 41 of proc_pid_stat(5).
  const fields = fieldsOfStat(stat);
  const [nice, priority, policy] = [fields[16], fields[37], fields[38]];
  if (nice === undefined || affinity === '') return undefined;
  return { id, nice, scheduler: `policy ${policy ?? ''} priority ${priority ?? ''}`, affinity };
}

/** Only a program knows them: they are not in /proc. A thread that ended meanwhile has none. */
async function ioPriorities(threads: readonly string[]): Promise<string> {
  const { stdout } = await run('ionice', ['-p', ...threads]).catch((error: unknown) => error as { stdout: string });
  return [...new Set(stdout.trim().split('\n'))].sort().join(', ');
}

const readFileIfThere = (file: string) => readFile(file) ?? '';
