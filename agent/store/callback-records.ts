import type { DatabaseSync } from 'node:sqlite';
import type { Callback } from './run.ts';

/** A callback whose next attempt is due. */
export interface DueCallback {
  readonly runId: string;
  /** Exactly as the client sent it. */
  readonly url: string;
  readonly callback: Callback;
}

/** Callbacks to skip for now. */
export interface Busy {
  readonly runIds: readonly string[];
  readonly hosts: readonly string[];
}

/** The durable records of callbacks. A row is removed with its run. */
export interface CallbackRecords {
  /** How many ended runs have a callback that is not delivered yet. */
  readonly pending: number;
  /** The next callback to attempt: new ones before failed ones, then the one that has been due longest. */
  due(now: string, busy: Busy): DueCallback | undefined;
  /** When the next attempt is due, ISO 8601. */
  nextDue(busy: Busy): string | undefined;
  /** Records the result of an attempt. After the last attempt the URL is deleted. */
  update(runId: string, callback: Callback): void;
}

/** What the store of runs writes about callbacks, within its own transactions. */
export interface CallbackWrites {
  add(runId: string, url: string): Callback;
  /** The run has ended: its callback is due. */
  becomeDue(runId: string, endedAt: string): void;
}

/** `record` is a `Callback` as JSON; the other columns are for finding due callbacks without reading the rest. */
export const CALLBACK_SCHEMA = `
  CREATE TABLE IF NOT EXISTS callbacks (
    run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    url TEXT,
    record TEXT NOT NULL,
    host TEXT GENERATED ALWAYS AS (record ->> 'host'),
    again INTEGER GENERATED ALWAYS AS (record ->> 'attempts' > 0),
    due_at TEXT GENERATED ALWAYS AS (record ->> 'nextAttemptAt')
  ) STRICT;
  CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (again, due_at, host, run_id) WHERE due_at IS NOT NULL;
`;

const NOT_BUSY = `
  due_at IS NOT NULL
  AND run_id NOT IN (SELECT value FROM json_each($runIds))
  AND host NOT IN (SELECT value FROM json_each($hosts))
`;

/** @param db an open database that has the {@link CALLBACK_SCHEMA}. */
export function callbackRecords(db: DatabaseSync): CallbackRecords & CallbackWrites {
  const insert = db.prepare('INSERT INTO callbacks (run_id, url, record) VALUES (?, ?, ?)');
  const toDue = db.prepare(`UPDATE callbacks SET record = json_set(record, '$.nextAttemptAt', ?) WHERE run_id = ?`);
  const update = db.prepare('UPDATE callbacks SET record = ?, url = iif(?, url, NULL) WHERE run_id = ?');
  const due = db.prepare(
    `SELECT run_id, url, record FROM callbacks WHERE ${NOT_BUSY} AND due_at <= $now ORDER BY again, due_at LIMIT 1`,
  );
  const nextDue = db.prepare(`SELECT min(due_at) AS due_at FROM callbacks WHERE ${NOT_BUSY}`);
  const count = db.prepare('SELECT count(*) AS pending FROM callbacks WHERE due_at IS NOT NULL');
  const named = ({ runIds, hosts }: Busy) => ({ runIds: JSON.stringify(runIds), hosts: JSON.stringify(hosts) });

  return {
    get pending() {
      return (count.get() as { pending: number }).pending;
    },
    due(now, busy) {
      const row = due.get({ now, ...named(busy) }) as { run_id: string; url: string; record: string } | undefined;
      return row && { runId: row.run_id, url: row.url, callback: JSON.parse(row.record) as Callback };
    },
    nextDue(busy) {
      return (nextDue.get(named(busy)) as { due_at: string | null }).due_at ?? undefined;
    },
    update(runId, callback) {
      update.run(JSON.stringify(callback), Number(callback.state === 'pending'), runId);
    },
    add(runId, url) {
      const callback: Callback = { host: new URL(url).host, state: 'pending', attempts: 0 };
      insert.run(runId, url, JSON.stringify(callback));
      return callback;
    },
    becomeDue(runId, endedAt) {
      toDue.run(endedAt, runId);
    },
  };
}
