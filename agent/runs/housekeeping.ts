import { existsSync, renameSync } from 'node:fs';
import { pruneConversations, type ConversationLimits } from '../claude/conversations.ts';
import type { RunLog } from './records.ts';
import { openStore, StoreDamagedError, type RecordLimits, type RunStore } from './store.ts';

const HOUR_MS = 3_600_000;

/**
 * Opens the store. A damaged file is set aside under another name, for somebody to look at, and a new one is begun.
 * @throws {StoreInUseError} while another process holds the file.
 */
export function openSoundStore(file: string, log: RunLog): RunStore {
  try {
    return openStore(file);
  } catch (error) {
    if (!(error instanceof StoreDamagedError)) throw error;
    const aside = `${file}.damaged-${new Date().toISOString().replaceAll(':', '')}`;
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
    }
    log.error(
      { err: error, file, aside },
      'the records of runs are damaged: they are set aside, and new ones are begun',
    );
    return openStore(file);
  }
}

/** Removes records over the limits, now and every hour. Returns a function that ends it. */
export function keepWithin(limits: RecordLimits, store: RunStore, log: RunLog): () => void {
  const prune = () => {
    const { pending } = store.callbacks;
    const removed = store.prune(limits);
    const lost = pending - store.callbacks.pending;
    if (lost > 0) log.warn({ lost, ...limits }, 'callbacks removed with their runs before they were delivered');
    return removed;
  };
  return hourly('records of runs', prune, limits, log);
}

/** Removes conversations over the limits, now and every hour. Returns a function that ends it. */
export function keepConversationsWithin(limits: ConversationLimits, configDir: string, log: RunLog): () => void {
  return hourly('conversations', () => pruneConversations(configDir, limits), limits, log);
}

function hourly(what: string, remove: () => number, limits: object, log: RunLog): () => void {
  const prune = () => {
    try {
      const removed = remove();
      if (removed > 0) log.info({ removed, ...limits }, `${what} removed`);
    } catch (error) {
      log.error({ err: error }, `${what} cannot be removed`);
    }
  };
  prune();
  const timer = setInterval(prune, HOUR_MS);
  return () => clearInterval(timer);
}
