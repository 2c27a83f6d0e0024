import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { Step } from '../http/api/transcript.ts';
import { jsonOf } from '../json.ts';
import { usedBytesOf, vacuum } from './vacuum.ts';

/** Steps of a run that are recorded together. */
export interface StepBatch {
  readonly runId: string;
  /** A JSON list of steps. */
  readonly steps: string;
  /** How many steps of the run are left out since the last batch. */
  readonly omitted: number;
}

/** The steps of a run, in the order they happened. */
export interface RecordedSteps {
  readonly steps: readonly Step[];
  /** How many further ones are left out. */
  readonly omitted: number;
}

/** How long steps are kept, and how large the file with all records may be. */
export interface StepLimits {
  readonly days: number;
  readonly megabytes: number;
}

/** The durable records of what Claude did. A row is removed with its run. */
export interface StepRecords {
  /** Adds a batch, within the transaction of the caller if there is one. */
  add(batch: StepBatch): void;
  /** Adds batches with one write to disk. On a full disk it throws: the reserved space is for the ends of runs. */
  addAll(batches: readonly StepBatch[]): void;
  /** Undefined if none are kept. Those in a damaged row are left out. */
  of(runId: string): RecordedSteps | undefined;
  /** Whether steps of the run are kept. */
  has(runId: string): boolean;
  /**
   * Removes steps of ended runs, the oldest first: those that are too old, and more while the file is too large. In small
   * parts, so that the agent stays responsive. Returns of how many runs.
   */
  prune(limits: StepLimits): Promise<number>;
}

/** `steps` is a JSON list of `Step`. */
export const STEP_SCHEMA = `
  CREATE TABLE IF NOT EXISTS steps (
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    omitted INTEGER NOT NULL,
    steps TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS steps_of ON steps (run_id, seq);
`;

/**
 * @param db an open database that has the {@link STEP_SCHEMA}.
 * @param transaction performs several changes with one write to disk.
 * @param forget see `RunStore.forget`.
 */
export function stepRecords(
  db: DatabaseSync,
  transaction: (write: () => void) => void,
  forget: () => void,
): StepRecords {
  const insert = db.prepare('INSERT INTO steps (run_id, omitted, steps) VALUES (?, ?, ?)');
  const of = db.prepare('SELECT omitted, steps FROM steps WHERE run_id = ? ORDER BY seq');
  const any = db.prepare('SELECT 1 FROM steps WHERE run_id = ? LIMIT 1');
  const oldest = db.prepare(
    `SELECT id FROM runs WHERE state = 'ended' AND ended_at < ? AND EXISTS (SELECT 1 FROM steps WHERE run_id = id)
     ORDER BY ended_at LIMIT 1`,
  );
  const remove = db.prepare('DELETE FROM steps WHERE run_id = ?');
  const usedBytes = usedBytesOf(db);

  const add = ({ runId, steps, omitted }: StepBatch) => void insert.run(runId, omitted, steps);
  /** Of one run; returns whether there was one. */
  const removeOne = (before: string) => {
    const found = oldest.get(before) as { id: string } | undefined;
    return found !== undefined && remove.run(found.id).changes > 0;
  };
  return {
    add,
    addAll: (batches) => transaction(() => batches.forEach(add)),
    of(runId) {
      const rows = of.all(runId) as { omitted: number; steps: string }[];
      if (rows.length === 0) return undefined;
      return {
        steps: rows.flatMap(({ steps }) => (jsonOf(steps) ?? []) as Step[]),
        omitted: rows.reduce((sum, { omitted }) => sum + omitted, 0),
      };
    },
    has: (runId) => any.get(runId) !== undefined,
    async prune({ days, megabytes }) {
      const now = new Date();
      const before = new Date(now.getTime() - days * 86_400_000).toISOString();
      const removeNext = () =>
        removeOne(before) || (usedBytes() > megabytes * 1_048_576 && removeOne(now.toISOString()));
      let removed = 0;
      for (; db.isOpen && removeNext(); removed += 1) await setImmediate();
      if (removed > 0) await vacuum(db, forget);
      return removed;
    },
  };
}
