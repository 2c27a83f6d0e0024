import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The environment variable that marks every process of a run: `<instance>/<run id>`. Children inherit it. */
export const RUN_MARK = 'CLAUDE_AGENT_RUN';

const KILL_ROUNDS = 50;
const ROUND_MS = 20;

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

async function marked(prefix: string): Promise<number[]> {
  const entries = await readdir('/proc').catch(() => []);
  const needle = `${RUN_MARK}=${prefix}`;
  const found = await Promise.all(
    entries
      .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
      .map(async (pid) => ((await startedWith(pid, needle)) ? Number(pid) : undefined)),
  );
  return found.filter((pid) => pid !== undefined);
}

/** Processes that ended meanwhile, zombies and those of other users cannot be read: they are not ours to kill. */
async function startedWith(pid: string, needle: string): Promise<boolean> {
  const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  return environ.startsWith(needle) || environ.includes(`\0${needle}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
