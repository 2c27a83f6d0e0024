import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { RecordLimits } from './store.ts';
import { usedBytesOf, vacuum } from './vacuum.ts';

/** Small steps keep the agent responsive while much is removed: a record can have a few mebibytes. */
const REMOVED_AT_ONCE = 5;

/**
 * Removes records of ended runs, see `RunStore.prune`.
 * @param written performs a write; on a full disk it uses the reserved space.
 * @param forget see `RunStore.forget`.
 */
export function pruneIn(
  db: DatabaseSync,
  written: <T>(write: () => T) => T,
  forget: () => void,
): (limits: RecordLimits) => Promise<number> {
  const newestOf = db.prepare('SELECT seq FROM runs ORDER BY seq DESC LIMIT 1 OFFSET ?');
  const removeOld = db.prepare(
    `DELETE FROM runs WHERE seq IN (
       SELECT seq FROM runs WHERE state = 'ended' AND (ended_at < ? OR seq <= ?)
         AND NOT EXISTS (SELECT 1 FROM callbacks WHERE run_id = id AND due_at IS NOT NULL)
       ORDER BY seq LIMIT ?)`,
  );
  const removeOldest = db.prepare(
    `DELETE FROM runs WHERE seq IN (SELECT seq FROM runs WHERE state = 'ended' ORDER BY seq LIMIT ?)`,
  );
  const usedBytes = usedBytesOf(db);

  return async ({ days, count, megabytes }) => {
    const before = new Date(Date.now() - days * 86_400_000).toISOString();
    const { seq: tooMany = 0 } = (newestOf.get(count) as { seq: number } | undefined) ?? {};
    const removeSome = () => {
      const old = written(() => removeOld.run(before, tooMany, REMOVED_AT_ONCE)).changes;
      if (old > 0 || usedBytes() <= megabytes * 1_048_576) return Number(old);
      return Number(written(() => removeOldest.run(REMOVED_AT_ONCE)).changes);
    };
    let removed = 0;
    for (let some = removeSome(); some > 0; some = db.isOpen ? removeSome() : 0) {
      removed += some;
      await setImmediate();
    }
    if (removed > 0) await vacuum(db, forget);
    return removed;
  };
}
