import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';

/** Small steps keep the agent responsive. */
const VACUUMED_AT_ONCE = 256;

/** How large the records are, without the free pages of the file. */
export function usedBytesOf(db: DatabaseSync): () => number {
  const size = db.prepare(
    `SELECT (page_count - freelist_count) * page_size AS used
     FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`,
  );
  return () => (size.get() as { used: number }).used;
}

/** Gives the disk space of removed records back, in small steps. */
export async function vacuum(db: DatabaseSync, forget: () => void): Promise<void> {
  const free = () => (db.prepare('PRAGMA freelist_count').get() as { freelist_count: number }).freelist_count;
  while (db.isOpen && free() > 0) {
    db.exec(`PRAGMA incremental_vacuum(${VACUUMED_AT_ONCE})`);
    await setImmediate();
  }
  if (db.isOpen) forget();
}
