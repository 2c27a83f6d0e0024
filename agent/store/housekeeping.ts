import { copyFileSync, existsSync, renameSync } from 'node:fs';
import type { Log } from '../log.ts';
import { openStore } from './sqlite.ts';
import { StoreDamagedError, type RecordLimits, type RunStore } from './store.ts';

const HOUR_MS = 3_600_000;
const FORGET_MS = 1000;

/**
 * Opens the store. A damaged file is renamed, so that someone can examine it, and a new one is created. If the last changes
 * of a file are lost, a copy of it is kept.
 * @throws {StoreInUseError} while another process has the file locked.
 */
export function openOrReplaceStore(file: string, log: Log): RunStore {
  const store = openOrSetAside(file, log);
  if (store.lostChanges) {
    const aside = setAside(file, copyFileSync);
    log.error(
      { file, aside },
      'the last changes to the records of runs are damaged and lost; a copy was kept, and runs that had not ended are not started again',
    );
  }
  const unreadable = store.endUnreadable();
  if (unreadable.length > 0) log.error({ runIds: unreadable }, 'runs with unreadable records were ended as failed');
  return store;
}

function openOrSetAside(file: string, log: Log): RunStore {
  try {
    return openStore(file);
  } catch (error) {
    if (!(error instanceof StoreDamagedError)) throw error;
    const aside = setAside(file, renameSync);
    log.error(
      { err: error, file, aside },
      'the records of runs are damaged; they were moved aside and a new database was created',
    );
    return openStore(file);
  }
}

/** Moves or copies the database and the files next to it to another name, and returns that name. */
function setAside(file: string, put: (from: string, to: string) => void): string {
  const aside = `${file}.damaged-${new Date().toISOString().replaceAll(':', '')}`;
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) put(file + suffix, aside + suffix);
  return aside;
}

/**
 * Data that was deleted from the records, such as prompts and callback URLs, stays in the write-ahead log for a while.
 * @returns a function to call after each change that deletes data; a second later the data is gone from the log.
 */
export function scheduleForget(store: RunStore, log: Log): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      try {
        store.forget();
      } catch (error) {
        log.error({ err: error }, 'deleted data cannot be removed from the write-ahead log of the records');
      }
    }, FORGET_MS).unref();
  };
}

/** Removes records over the limits, now and every hour. Returns a function that stops this. */
export function pruneRecordsHourly(
  limits: RecordLimits & { readonly transcriptDays: number },
  store: RunStore,
  log: Log,
): () => void {
  const prune = async () => {
    // What Claude did goes before the record that a run has.
    const { megabytes, transcriptDays: days } = limits;
    const transcripts = await store.steps.prune({ days, megabytes });
    if (transcripts > 0) log.info({ removed: transcripts, days, megabytes }, 'transcripts removed');
    const { pending } = store.callbacks;
    const removed = await store.prune(limits);
    const lost = pending - store.callbacks.pending;
    if (lost > 0) log.warn({ lost, ...limits }, 'callbacks removed with their runs before they were delivered');
    return removed;
  };
  return pruneHourly('records of runs', prune, limits, log);
}

/** Removes data over its limits, now and every hour. Returns a function that stops this. */
export function pruneHourly(
  what: string,
  remove: () => number | Promise<number>,
  limits: object,
  log: Log,
): () => void {
  let removing = false;
  const prune = async () => {
    if (removing) return;
    removing = true;
    try {
      const removed = await remove();
      if (removed > 0) log.info({ removed, ...limits }, `${what} removed`);
    } catch (error) {
      log.error({ err: error }, `${what} cannot be removed`);
    } finally {
      removing = false;
    }
  };
  void prune();
  const timer = setInterval(() => void prune(), HOUR_MS);
  return () => clearInterval(timer);
}
