import { readdirSync, readFileSync } from 'node:fs';

/** The ids of all processes; none where there is no /proc. */
export function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number);
  } catch {
    return [];
  }
}

/** Where a process stands among the others, by process ids. */
export interface Place {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** The place of a process that is alive; undefined for one that has ended. */
export function placeOf(pid: number): Place | undefined {
  const stat = read(pid, 'stat');
  if (stat === undefined) return undefined;
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent, group, session] = fields;
  const threads = Number(fields[17]);
  // A zombie whose other threads go on is alive: its main thread alone has ended.
  if ('ZX'.includes(state) && threads < 2) return undefined;
  return { parent: Number(parent), group: Number(group), session: Number(session) };
}

/** The hard limit on file locks in decimal digits, or `unlimited`. Everybody may read it, unlike the environment. */
export function lockLimitOfProcess(pid: number | 'self'): string | undefined {
  return /^Max file locks +\S+ +(\S+)/m.exec(read(pid, 'limits') ?? '')?.[1];
}

/** The environment that a process was started with; undefined where we may not read it. */
export function environmentOf(pid: number): readonly string[] | undefined {
  return read(pid, 'environ')?.split('\0');
}

/**
 * Whether everything that has this PID namespace is there for this program: it is PID 1, or was started by a PID 1 that
 * was told to start it, as `tini -- node agent/main.ts` is.
 */
export function hasOwnNamespace(): boolean {
  if (process.pid === 1) return true;
  const own = read('self', 'cmdline');
  return process.ppid === 1 && own !== undefined && (read(1, 'cmdline') ?? '').endsWith(`\0${own}`);
}

/** Undefined for a process that has ended meanwhile, and for what we may not read. */
function read(pid: number | 'self', file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
