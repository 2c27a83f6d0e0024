import type { DatabaseSync } from 'node:sqlite';
import type { Decision } from '../http/api/decision.ts';
import { recordsOf, type CallbackRecords } from './callback-records.ts';
import type { Callback, Run } from './run.ts';

/** The durable records of what a person decides. A row is removed with its run. */
export interface DecisionRecords {
  /** Records that a run waits for a decision, and makes the message about it due if the run has a callback. */
  add(run: Run, decision: Decision): void;
  /** Records a decision. A message about it that is not delivered yet is given up. */
  close(decision: Decision): void;
  /** The run that a decision belongs to. */
  runIdOf(id: string): string;
  /** The messages about decisions that wait, by the ids of the decisions. */
  readonly notices: CallbackRecords;
}

/** What the store of runs writes about decisions, within its own transactions. */
export interface DecisionWrites {
  /** The run has ended: closes what is open. Returns all decisions of the run. */
  closeAll(runId: string, endedAt: string): readonly Decision[];
}

/** `record` is a `Decision`, `notice` the state of the message about it, a `Callback`, both as JSON. */
export const DECISION_SCHEMA = `
  CREATE TABLE IF NOT EXISTS decisions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    record TEXT NOT NULL,
    notice TEXT,
    is_open INTEGER GENERATED ALWAYS AS (record ->> 'decidedAt' IS NULL),
    host TEXT GENERATED ALWAYS AS (notice ->> 'host'),
    again INTEGER GENERATED ALWAYS AS (notice ->> 'attempts' > 0),
    due_at TEXT GENERATED ALWAYS AS (iif(record ->> 'decidedAt' IS NULL, notice ->> 'nextAttemptAt', NULL))
  ) STRICT;
  CREATE INDEX IF NOT EXISTS decisions_of ON decisions (run_id, seq);
  CREATE INDEX IF NOT EXISTS decisions_due ON decisions (again, due_at, host, id) WHERE due_at IS NOT NULL;
`;

/** The state of a row of `runs` for clients: `waiting` is not a state of its own on disk. */
export const STATE = `CASE WHEN state = 'running' AND EXISTS (
    SELECT 1 FROM decisions WHERE decisions.run_id = runs.id AND is_open
  ) THEN 'waiting' ELSE state END`;

/** The decisions of a row of `runs`, as a JSON list. */
export const DECISIONS = `(SELECT json_group_array(json(record)) FROM (
    SELECT record FROM decisions WHERE decisions.run_id = runs.id ORDER BY seq
  ))`;

const DUE = `
  SELECT decisions.id AS id, url, notice AS record, decisions.host AS host, decisions.again AS again, decisions.due_at AS due_at
  FROM decisions JOIN callbacks USING (run_id)
`;

/** @param db an open database that has the {@link DECISION_SCHEMA}. */
export function decisionRecords(db: DatabaseSync, written: <T>(write: () => T) => T): DecisionRecords & DecisionWrites {
  const insert = db.prepare('INSERT INTO decisions (id, run_id, record, notice) VALUES (?, ?, ?, ?)');
  const close = db.prepare('UPDATE decisions SET record = ? WHERE id = ? AND is_open');
  const closeAll = db.prepare(
    `UPDATE decisions SET record = json_set(record, '$.decidedAt', ?, '$.by', 'end of the run', '$.allowed', json('false'))
     WHERE run_id = ? AND is_open`,
  );
  const of = db.prepare('SELECT record FROM decisions WHERE run_id = ? ORDER BY seq');
  const runOf = db.prepare('SELECT run_id FROM decisions WHERE id = ?');
  const toNotice = db.prepare('UPDATE decisions SET notice = ? WHERE id = ?');

  return {
    notices: recordsOf(db, DUE, (id, notice) => void toNotice.run(JSON.stringify(notice), id)),
    add(run, decision) {
      const notice: Callback | undefined = run.callback && {
        host: run.callback.host,
        state: 'pending',
        attempts: 0,
        nextAttemptAt: decision.askedAt,
      };
      written(() => insert.run(decision.id, run.id, JSON.stringify(decision), notice ? JSON.stringify(notice) : null));
    },
    close(decision) {
      const { changes } = written(() => close.run(JSON.stringify(decision), decision.id));
      if (changes !== 1) throw new Error(`Decision ${decision.id} cannot be closed: it is not open.`);
    },
    runIdOf: (id) => (runOf.get(id) as { run_id: string }).run_id,
    closeAll(runId, endedAt) {
      closeAll.run(endedAt, runId);
      return (of.all(runId) as { record: string }[]).map(({ record }) => JSON.parse(record) as Decision);
    },
  };
}
