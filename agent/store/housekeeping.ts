import { copyFileSync, existsSync, renameSync } from 'node:fs';
import type { Log } from '../log.ts';
import { openStore } from './sqlite.ts';
import { StoreDamagedError, type RecordLimits, type RunStore } from './store.ts';

const HOUR_MS = 3_600_000;
const FORGET_MS = 1000;

/**
 * Opens the store. A damaged file is set aside under another name, for somebody to look at, and a new one is begun. Of
 * one whose last changes are lost a copy is set aside.
 * @throws {StoreInUseError} while another process holds the file.
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

/** Puts the database and the files beside it under another name, and returns that. */
function setAside(file: string, put: (from: string, to: string) => void): string {
  const aside = `${file}.damaged-${new Date().toISOString().replaceAll(':', '')}`;
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) put(file + suffix, aside + suffix);
  return aside;
}

/**
 * What is forgotten in the records, such as prompts and the URLs of callbacks, stays in the write-ahead log for a while.
 * @returns to be called after each change that forgets something; a second later it is gone.
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

/** Removes records over the limits, now and every hour. Returns a function that ends it. */
export function pruneRecordsHourly(limits: RecordLimits, store: RunStore, log: Log): () => void {
  const prune = async () => {
    const { pending } = store.callbacks;
    const removed = await store.prune(limits);
    const lost = pending - store.callbacks.pending;
    if (lost > 0) log.warn({ lost, ...limits }, 'callbacks removed with their runs before they were delivered');
    return removed;
  };
  return pruneHourly('records of runs', prune, limits, log);
}

/** Removes something over its limits, now and every hour. Returns a function that ends it. */
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
