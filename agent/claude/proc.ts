import { readdirSync, readFileSync } from 'node:fs';

/** The ids of all processes; empty if there is no /proc. */
export function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number);
  } catch {
    return [];
  }
}

/** The parent, group and session of a process, as process ids, and its start. */
export interface Place {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In hundredths of a second since the machine started; see {@link clockTicks}. */
  readonly startedAt: number;
}

/** The place of a process that is alive; undefined for one that has ended. */
export function placeOf(pid: number): Place | undefined {
  const stat = read(pid, 'stat');
  if (stat === undefined) return undefined;
  const fields = fieldsOfStat(stat);
  const [state = '', parent, group, session] = fields;
  const threads = Number(fields[17]);
  // A zombie with other threads is alive: only its main thread has ended.
  if ('ZX'.includes(state) && threads < 2) return undefined;
  return { parent: Number(parent), group: Number(group), session: Number(session), startedAt: Number(fields[19]) };
}

/** The fields of a `stat` file after the name, from the third one of proc_pid_stat(5) on. The name may contain anything. */
export function fieldsOfStat(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** The current time as Linux counts the starts of processes: in hundredths of a second. 0 if there is no /proc. */
export function clockTicks(): number {
  const [seconds] = (readFile('/proc/uptime') ?? '0').split(' ');
  return Math.round(Number(seconds) * 100);
}

/** The hard limit on file locks in decimal digits, or `unlimited`. Unlike the environment, every user may read it. */
export function lockLimitOfProcess(pid: number | 'self'): string | undefined {
  return /^Max file locks +\S+ +(\S+)/m.exec(read(pid, 'limits') ?? '')?.[1];
}

/** The name of a process's program, such as `bash`; empty if it has ended. */
export function commandOf(pid: number): string {
  return read(pid, 'comm')?.trim() ?? '';
}

/** The environment that a process was started with; undefined if it may not be read. */
export function environmentOf(pid: number): readonly string[] | undefined {
  return read(pid, 'environ')?.split('\0');
}

/** Memory of a process in bytes; 0 if it has ended. */
export function residentBytesOf(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(read(pid, 'status') ?? '') ?? [];
  return Number(kilobytes) * 1024;
}

/**
 * Whether this PID namespace exists only for this program: it is PID 1, or PID 1 is a program whose command line ends with
 * it, such as `tini -- node agent/main.ts`.
 */
export function hasOwnNamespace(): boolean {
  if (process.pid === 1) return true;
  const own = read('self', 'cmdline');
  return process.ppid === 1 && own !== undefined && (read(1, 'cmdline') ?? '').endsWith(`\0${own}`);
}

/** Undefined if the process has ended, or the file may not be read. */
function read(pid: number | 'self', file: string): string | undefined {
  return readFile(`/proc/${pid}/${file}`);
}

/** Undefined if there is no such file, or it may not be read. */
export function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
