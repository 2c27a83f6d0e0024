import type { DatabaseSync } from 'node:sqlite';
import type { Callback } from './run.ts';

/** A callback whose next attempt is due. */
export interface DueCallback {
  /** Of what the message is about: a run, or a decision. */
  readonly id: string;
  /** Exactly as the client sent it. */
  readonly url: string;
  readonly callback: Callback;
}

/** Callbacks to skip for now. */
export interface Busy {
  readonly ids: readonly string[];
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
  update(id: string, callback: Callback): void;
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
  AND id NOT IN (SELECT value FROM json_each($ids))
  AND host NOT IN (SELECT value FROM json_each($hosts))
`;

/**
 * Records of callbacks.
 * @param source a query with the columns id, url, record, host, again and due_at.
 * @param update see {@link CallbackRecords}.
 */
export function recordsOf(db: DatabaseSync, source: string, update: CallbackRecords['update']): CallbackRecords {
  const due = db.prepare(
    `SELECT id, url, record FROM (${source}) WHERE ${NOT_BUSY} AND due_at <= $now ORDER BY again, due_at LIMIT 1`,
  );
  const nextDue = db.prepare(`SELECT min(due_at) AS due_at FROM (${source}) WHERE ${NOT_BUSY}`);
  const count = db.prepare(`SELECT count(*) AS pending FROM (${source}) WHERE due_at IS NOT NULL`);
  const named = ({ ids, hosts }: Busy) => ({ ids: JSON.stringify(ids), hosts: JSON.stringify(hosts) });
  return {
    get pending() {
      return (count.get() as { pending: number }).pending;
    },
    due(now, busy) {
      const row = due.get({ now, ...named(busy) }) as { id: string; url: string; record: string } | undefined;
      return row && { id: row.id, url: row.url, callback: JSON.parse(row.record) as Callback };
    },
    nextDue(busy) {
      return (nextDue.get(named(busy)) as { due_at: string | null }).due_at ?? undefined;
    },
    update,
  };
}

/** @param db an open database that has the {@link CALLBACK_SCHEMA}. */
export function callbackRecords(db: DatabaseSync): CallbackRecords & CallbackWrites {
  const insert = db.prepare('INSERT INTO callbacks (run_id, url, record) VALUES (?, ?, ?)');
  const toDue = db.prepare(`UPDATE callbacks SET record = json_set(record, '$.nextAttemptAt', ?) WHERE run_id = ?`);
  const update = db.prepare('UPDATE callbacks SET record = ?, url = iif(?, url, NULL) WHERE run_id = ?');

  const source = 'SELECT run_id AS id, url, record, host, again, due_at FROM callbacks';
  const records = recordsOf(
    db,
    source,
    (id, callback) => void update.run(JSON.stringify(callback), Number(callback.state === 'pending'), id),
  );
  return Object.assign(records, {
    add(runId: string, url: string) {
      const callback: Callback = { host: new URL(url).host, state: 'pending', attempts: 0 };
      insert.run(runId, url, JSON.stringify(callback));
      return callback;
    },
    becomeDue(runId: string, endedAt: string) {
      toDue.run(endedAt, runId);
    },
  });
}
