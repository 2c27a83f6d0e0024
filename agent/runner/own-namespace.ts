import { lstatSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CannotStartError } from '../cannot-start.ts';
import { commandOf, processIds } from '../claude/proc.ts';

const INIT = 1;
/** A process that is stuck in the kernel longer than this is not waited for. */
const KILL_MS = 5000;
const ROUND_MS = 5;
const SHOWN = 5;

/** Everything else in the container could be killed: processes that nobody started here, or a whole machine. */
const WHY =
  'A runner kills all other processes after each run, so it starts only in a PID namespace of its own, with an init as PID 1 ' +
  'and nothing else: in a container whose command is "tini -- unreadable-node --disable-sigusr1 agent/runner/main.ts".';

/** A PID namespace with no other process than this one, its init, and what this one starts. */
export class OwnNamespace {
  private constructor() {
    // Only enter() knows that it is one.
  }

  /** @throws {CannotStartError} if there is another process, or no init. */
  static enter(): OwnNamespace {
    if (process.platform !== 'linux') throw new CannotStartError(`The runner cannot start: it needs Linux.`);
    if (process.pid === INIT) throw new CannotStartError(`The runner cannot start: it is PID 1 itself. ${WHY}`);
    if (namespaceOfProc() !== process.pid) {
      throw new CannotStartError(`The runner cannot start: /proc is that of another PID namespace. ${WHY}`);
    }
    const others = strangers();
    if (others.length > 0 || process.ppid !== INIT) {
      const shown = others.slice(0, SHOWN).map((pid) => `${pid} (${commandOf(pid)})`);
      const more = others.length > SHOWN ? ` and ${others.length - SHOWN} more` : '';
      const found =
        others.length > 0 ? `there are other processes: ${shown.join(', ')}${more}` : 'PID 1 did not start it';
      throw new CannotStartError(`The runner cannot start: ${found}. ${WHY}`);
    }
    return new OwnNamespace();
  }

  /**
   * Whether a run, which has the same user, may read and change the memory of this process or of PID 1. Linux gives the files
   * in /proc of a process that nobody may inspect to root.
   */
  get isOpen(): boolean {
    return [INIT, process.pid].some((pid) => lstatSync(`/proc/${pid}/environ`).uid === process.getuid?.());
  }

  /**
   * Kills all processes but this one and PID 1, whatever their session, parent, environment or state, and waits until they
   * are gone. kill(2) with -1 reaches all of them at once, so none can fork ahead of it.
   * @throws if some are left after {@link KILL_MS}.
   */
  async killAll(): Promise<void> {
    const until = performance.now() + KILL_MS;
    for (let left = strangers(); left.length > 0; left = strangers()) {
      if (performance.now() > until) throw new Error(`${left.length} processes survived SIGKILL`);
      killOthers();
      await sleep(ROUND_MS);
    }
  }
}

function strangers(): number[] {
  return processIds().filter((pid) => pid !== INIT && pid !== process.pid);
}

/** The id of this process in the namespace that /proc shows. */
function namespaceOfProc(): number {
  return Number(readlinkSync('/proc/self'));
}

function killOthers(): void {
  try {
    process.kill(-1, 'SIGKILL');
  } catch (error) {
    // ESRCH: they ended meanwhile. EPERM: only those of other users are left, which ends the wait with its message.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
