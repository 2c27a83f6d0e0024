import type { DatabaseSync } from 'node:sqlite';
import { callerNameOf } from '../callers/callers.ts';
import { OPERATOR } from '../contract.ts';
import type { EndedRun } from './run.ts';

/** What a run has cost, and what decides which budgets it counts for. */
export interface RunSpending {
  readonly runId: string;
  readonly caller: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly usd: number;
  /** ISO 8601. */
  readonly endedAt: string;
}

/** What runs have cost. It outlives their records, which are removed by their number and size too. */
export interface SpendingRecords {
  /**
   * Of the runs that ended at or after a time, ISO 8601, and of those that the agent was killed in, which have what they had
   * spent so far.
   */
  since(time: string): RunSpending[];
  /** Keeps what a run in progress has spent so far, as if it ended now. Its end replaces it. */
  keep(spending: RunSpending): void;
  /** Forgets runs that ended before a time, ISO 8601. Returns how many. */
  removeBefore(time: string): number;
}

/** What the store of runs writes about spending, within its own transactions. */
export interface SpendingWrites {
  /** A run has ended. Each run counts once. */
  add(run: EndedRun): void;
}

export const SPENDING_SCHEMA = `
  CREATE TABLE IF NOT EXISTS spendings (
    run_id TEXT PRIMARY KEY,
    ended_at TEXT NOT NULL,
    usd REAL NOT NULL,
    caller TEXT NOT NULL,
    labels TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS spendings_time ON spendings (ended_at);
`;

/** @param db an open database that has the {@link SPENDING_SCHEMA}. */
export function spendingRecords(db: DatabaseSync, written: <T>(write: () => T) => T): SpendingRecords & SpendingWrites {
  const insert = db.prepare(
    'INSERT OR REPLACE INTO spendings (run_id, ended_at, usd, caller, labels) VALUES (?, ?, ?, ?, ?)',
  );
  const raise = db.prepare(
    `INSERT INTO spendings (run_id, ended_at, usd, caller, labels) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (run_id) DO UPDATE SET usd = excluded.usd, ended_at = excluded.ended_at WHERE excluded.usd > usd`,
  );
  const since = db.prepare(
    'SELECT run_id AS runId, ended_at AS endedAt, usd, caller, labels FROM spendings WHERE ended_at >= ?',
  );
  const remove = db.prepare('DELETE FROM spendings WHERE ended_at < ?');
  return {
    add(run) {
      const { costUsd = 0 } = run.result;
      if (costUsd <= 0) return;
      insert.run(run.id, run.endedAt, costUsd, callerNameOf(run), JSON.stringify(run.request.labels));
    },
    keep({ runId, endedAt, usd, caller, labels }) {
      written(() => raise.run(runId, endedAt, usd, caller, JSON.stringify(labels)));
    },
    since: (time) =>
      (since.all(time) as unknown as (Omit<RunSpending, 'labels'> & { labels: string })[]).map((row) => ({
        ...row,
        labels: JSON.parse(row.labels) as RunSpending['labels'],
      })),
    removeBefore: (time) => Number(written(() => remove.run(time)).changes),
  };
}

/** Adds the runs of an older agent, which has no such records: those that ended after the newest of them. */
export function addEarlierSpending(db: DatabaseSync): void {
  db.prepare(
    `INSERT OR IGNORE INTO spendings (run_id, ended_at, usd, caller, labels)
     SELECT id, ended_at, result ->> '$.costUsd', coalesce(request ->> '$.caller', ?), coalesce(request ->> '$.labels', '{}')
     FROM runs WHERE state = 'ended' AND ended_at > (SELECT coalesce(max(ended_at), '') FROM spendings)
       AND json_valid(result) AND json_valid(request) AND result ->> '$.costUsd' > 0`,
  ).run(OPERATOR);
}
