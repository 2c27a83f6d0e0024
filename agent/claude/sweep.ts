import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

/** The environment variable that marks every process of a run: `<instance>/<run id>`. Children inherit it. */
export const RUN_MARK = 'CLAUDE_AGENT_RUN';

const KILL_ROUNDS = 50;
const ROUND_MS = 20;
/** Some tenth of a millisecond of work. */
const READ_AT_ONCE = 10;

/**
 * Kills every process whose environment carries a mark that begins with `prefix`, and waits until they are gone.
 *
 * A process group does not reach them: `claude` gives each Bash tool a session of its own, and what such a tool starts
 * with `setsid` outlives even a run that succeeded. The environment a process was started with is in
 * `/proc/<pid>/environ`; where there is no /proc (macOS) nothing is found.
 * @param prefix `<instance>/<run id>` for one run, `<instance>/` for all of an instance.
 * @returns how many processes were killed.
 * @throws when some are still there after a second.
 */
export async function sweep(prefix: string): Promise<number> {
  const killed = new Set<number>();
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    const pids = await marked(prefix);
    if (pids.length === 0) return killed.size;
    for (const pid of pids) {
      killed.add(pid);
      kill(pid);
    }
    await sleep(ROUND_MS);
  }
  throw new Error(`Processes of ${prefix} survived SIGKILL: ${(await marked(prefix)).join(', ')}`);
}

/** One file after the other takes a quarter of the time that all at once by promises do; other work gets its turns. */
async function marked(prefix: string): Promise<number[]> {
  const needle = `${RUN_MARK}=${prefix}`;
  const found: number[] = [];
  // The answer of the run that has just ended goes first.
  await setImmediate();
  for (const [place, pid] of pids().entries()) {
    if (place % READ_AT_ONCE === 0) await setImmediate();
    if (startedWith(pid, needle)) found.push(pid);
  }
  return found;
}

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
      .map(Number);
  } catch {
    return [];
  }
}

/** Processes that ended meanwhile, zombies and those of other users cannot be read: they are not ours to kill. */
function startedWith(pid: number, needle: string): boolean {
  try {
    const environ = readFileSync(`/proc/${pid}/environ`, 'utf8');
    return environ.startsWith(needle) || environ.includes(`\0${needle}`);
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
