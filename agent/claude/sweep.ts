import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { environmentOf, hasOwnNamespace, lockLimitOfProcess, placeOf, processIds, type Place } from './proc.ts';
import { LOCK_LIMIT_DIGITS, lockLimitOf, RUN_MARK } from './run-mark.ts';

const KILL_ROUNDS = 50;
const ROUND_MS = 20;
/** How often in a row nothing is found before all counts as killed: a process that keeps forking and exiting can be missed. */
const CLEAR_ROUNDS = 2;
/** If a tree forks faster than it can be stopped, the known part is killed and the search starts again. */
const FREEZE_ROUNDS = 10;
const LATE_ROUNDS = 10;
/** A few tenths of a millisecond of work. */
const READ_AT_ONCE = 40;

/** A process of the CLI whose descendants may exist while another one is swept. */
export interface Other {
  /** Its process id, which is also that of its session; undefined if it was not started. */
  readonly pid: number | undefined;
  /** See {@link lockLimitOf}. */
  readonly lockLimit: string;
  /** When it got its first input, as `clockTicks`; Infinity before. Until then, no prompt decides what it starts. */
  readonly begunAt: number;
}

/** The process of the CLI itself: it leads a group and a session. The kernel does not reuse its id soon, nor while a process is in them. */
export interface Leader {
  readonly pid: number;
  /** A moment before its start, as `clockTicks`: older processes are not its descendants. */
  readonly startedAt: number;
}

/** Whether a process itself, not its parent, shows that it belongs to a run. */
type Membership = (pid: number, place: Place) => boolean;

/**
 * Kills every process of a run, or of all runs of an instance, and waits until they are gone.
 *
 * These are the processes with the mark in their lock limit or environment, those in the process group or session of the
 * CLI, and all their descendants. If the PID namespace is the agent's own, also those that lowered their lock limit: in it,
 * only processes of runs have a lower limit than the agent. One that has the limit of another run, or started after that
 * run had its prompt, may belong to that run: it stays until the last such run is swept.
 *
 * The process group alone is not enough: `claude` gives each Bash tool a session of its own, and processes that a tool
 * starts with `setsid` outlive even a run that succeeded. Without /proc (macOS) only the group is found.
 * @param mark `<instance>/<run id>` for one run, `<instance>/` for all of an instance.
 * @param leader undefined for all runs of an instance, or if the process was not started.
 * @param processes those of the CLI that are not swept yet, also the one that is being swept; it may change meanwhile.
 * @returns how many processes were killed; 0 without /proc.
 * @throws if some still exist after a second.
 */
export async function sweep(mark: string, leader?: Leader, processes: ReadonlySet<Other> = new Set()): Promise<number> {
  const belongs = membership(mark, leader, processes);
  const killed = new Set<number>();
  let frozen = await freeze(belongs);
  if (leader !== undefined) signal(-leader.pid, 'SIGKILL');
  for (let round = 0, clear = 0; frozen.size > 0 || (killed.size > 0 && clear < CLEAR_ROUNDS); round += 1) {
    clear = frozen.size > 0 ? 0 : clear + 1;
    if (round >= KILL_ROUNDS && clear === 0)
      throw new Error(`Processes of ${mark} survived SIGKILL: ${[...frozen].join(', ')}`);
    for (const pid of frozen) {
      killed.add(pid);
      signal(pid, 'SIGKILL');
    }
    await sleep(ROUND_MS);
    frozen = await freeze(belongs);
  }
  return killed.size;
}

/** Stops processes until no more are found: killing one whose child is not known yet would leave an orphan. */
async function freeze(belongs: Membership): Promise<ReadonlySet<number>> {
  const frozen = new Set<number>();
  for (let round = 0, before = -1; round < FREEZE_ROUNDS && frozen.size > before; round += 1) {
    before = frozen.size;
    await freezeOnce(belongs, frozen);
  }
  return frozen;
}

/**
 * Stops each process of the run as soon as it is seen, and the children of stopped processes. Reading the files one by one
 * takes a quarter of the time of reading them concurrently with promises, and it yields to other work.
 */
async function freezeOnce(belongs: Membership, frozen: Set<number>): Promise<void> {
  const seen = new Set([process.pid]);
  const parents = new Map<number, number>();
  const stop = (pid: number) => {
    if (frozen.has(pid)) return;
    frozen.add(pid);
    signal(pid, 'SIGSTOP');
  };
  const look = (pid: number) => {
    if (seen.has(pid)) return;
    seen.add(pid);
    const place = placeOf(pid);
    if (!place) return;
    parents.set(pid, place.parent);
    if (belongs(pid, place)) stop(pid);
  };
  // The response of the run that has just ended goes first.
  await setImmediate();
  for (const [count, pid] of processIds().entries()) {
    if (count % READ_AT_ONCE === 0) await setImmediate();
    look(pid);
  }
  // Look for processes that started meanwhile: one that keeps forking and exiting is in no list for long.
  for (let round = 0; round < LATE_ROUNDS; round += 1) {
    const late = processIds().filter((pid) => !seen.has(pid));
    if (late.length === 0) break;
    late.forEach(look);
  }
  for (let before = -1; frozen.size > before;) {
    before = frozen.size;
    for (const [pid, parent] of parents) if (frozen.has(parent)) stop(pid);
  }
}

/** @see sweep */
function membership(mark: string, leader: Leader | undefined, processes: ReadonlySet<Other>): Membership {
  const ofRun = !mark.endsWith('/');
  const variable = `${RUN_MARK}=${mark}`;
  const wanted = lockLimitOf(mark);
  const own = lockLimitOfProcess('self') ?? 'unlimited';
  const alone = hasOwnNamespace();
  const some = (isMeant: (other: Other) => boolean) => {
    for (const each of processes) if (each.pid !== leader?.pid && isMeant(each)) return true;
    return false;
  };
  const mayBeOfOther = (limit: string, startedAt: number) =>
    some(({ lockLimit, begunAt }) => lockLimit === limit || begunAt <= startedAt);
  // A process leaves its session only for a new one.
  const isInSessionOfOther = (session: number) => some(({ pid }) => pid === session);
  return (pid, { group, session, startedAt }) => {
    if (leader && startedAt < leader.startedAt) return false;
    if (leader && (group === leader.pid || session === leader.pid)) return true;
    if (isInSessionOfOther(session)) return false;
    const limit = lockLimitOfProcess(pid);
    if (limit?.length === LOCK_LIMIT_DIGITS && limit.startsWith(wanted)) return true;
    if (alone && limit !== undefined && isLower(limit, own) && !mayBeOfOther(limit, startedAt)) return true;
    return environmentOf(pid)?.some((entry) => (ofRun ? entry === variable : entry.startsWith(variable))) ?? false;
  };
}

function isLower(limit: string, than: string): boolean {
  if (limit === 'unlimited') return false;
  return than === 'unlimited' || BigInt(limit) < BigInt(than);
}

/** Ignores processes that have ended, and those of another user (setuid programs), which may not be signalled. */
function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
