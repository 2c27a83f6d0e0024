import { execFile } from 'node:child_process';
import { lstatSync, type Stats } from 'node:fs';
import { chmod, truncate } from 'node:fs/promises';
import { promisify } from 'node:util';
import { readFile } from '../claude/proc.ts';
import { removeFew } from './remove-few.ts';

const run = promisify(execFile);

/** Memory, queues and a file that every process of a container may write. Some machines lack some of them. */
const SHARED_FOLDERS = ['/dev/shm', '/dev/mqueue'];
const TERMINATION_LOG = '/dev/termination-log';

/** The kinds of System V IPC in /proc/sysvipc, and the options of `ipcrm` that remove them. */
const SYSTEM_V = { shm: '-m', msg: '-q', sem: '-s' } as const;

/** How long the removal of files may take before the container is replaced instead, in milliseconds. */
const REMOVAL_MS = 30_000;

/** What a run can write to. All paths are absolute. */
export interface WritablePlaces {
  readonly home: string;
  readonly workspace: string;
  readonly tmp: string;
  /** Whether files in the workspace stay for the next run. */
  readonly keepsWorkspace: boolean;
}

/** Removes everything that a run can have written in its container. Call it when no process of a run is left. */
export class Cleaner {
  readonly #folders: readonly { readonly dir: string; readonly stats: Stats }[];

  /** @throws if a folder does not exist. */
  constructor({ home, workspace, tmp, keepsWorkspace }: WritablePlaces) {
    const own = [home, tmp, ...(keepsWorkspace ? [] : [workspace])];
    const shared = SHARED_FOLDERS.filter((dir) => lstatSync(dir, { throwIfNoEntry: false })?.isDirectory());
    this.#folders = [...own, ...shared].map((dir) => ({ dir, stats: lstatSync(dir) }));
  }

  /** @throws if something cannot be removed. */
  async clean(): Promise<void> {
    for (const { dir, stats } of this.#folders) await restore(dir, stats);
    const folders = this.#folders.map(({ dir }) => dir);
    if (!(await removeFew(folders))) await removeAll(folders);
    await emptyFile(TERMINATION_LOG);
    await removeSystemV();
  }
}

/** Gives a folder the mode that it had. @throws if another one is in its place. */
async function restore(dir: string, before: Stats): Promise<void> {
  const now = lstatSync(dir);
  if (now.dev !== before.dev || now.ino !== before.ino) throw new Error(`${dir} was replaced`);
  if (now.mode !== before.mode) await chmod(dir, before.mode & 0o7777);
}

/** `find` removes by descriptors, so no tree is too deep for it, and no folder too full for memory. */
async function removeAll(folders: readonly string[]): Promise<void> {
  const remove = () => run('find', [...folders, '-mindepth', '1', '-delete'], { timeout: REMOVAL_MS });
  try {
    await remove();
  } catch {
    // A folder without permissions cannot be entered. What this cannot change, the second attempt reports.
    await run('chmod', ['-R', 'u+rwX', ...folders], { timeout: REMOVAL_MS }).catch(() => undefined);
    await remove();
  }
}

async function emptyFile(file: string): Promise<void> {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (stats?.isFile() === true && stats.size > 0) await truncate(file);
}

async function removeSystemV(): Promise<void> {
  const args = Object.entries(SYSTEM_V).flatMap(([kind, option]) => systemVIds(kind).flatMap((id) => [option, id]));
  if (args.length > 0) await run('ipcrm', args);
}

/** The ids of all objects of a kind; none if the kernel lacks them. */
function systemVIds(kind: string): string[] {
  return (readFile(`/proc/sysvipc/${kind}`) ?? '')
    .split('\n')
    .slice(1)
    .flatMap((line) => line.trim().split(/\s+/)[1] ?? []);
}
