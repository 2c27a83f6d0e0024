import type { Outcome } from '../contract.ts';
import { NO_OUTPUT, type Callback, type Decision, type Run, type RunRequest, type RunResult } from './run.ts';
import { jsonOf } from '../json.ts';

/** A row of the database: a run with the record of its callback. */
export interface Row {
  seq: number;
  id: string;
  session_id: string;
  state: Run['state'];
  request: string;
  prompt: string | null;
  accepted_at: string;
  started_at: string | null;
  ended_at: string | null;
  outcome: Outcome | null;
  result: string | null;
  request_hash: string | null;
  callback: string | null;
  /** A JSON list; null in summaries. */
  decisions: string | null;
}

const UNREADABLE_REQUEST: Omit<RunRequest, 'prompt'> = { options: {}, labels: {}, timeoutMs: 0, workdir: '' };

/** The result of a run whose request cannot be read. */
export const UNREADABLE_RUN: RunResult = {
  ...NO_OUTPUT,
  outcome: 'failed',
  error: 'The record of the run cannot be read, so the run was not started or not continued. Send it again.',
};

/** The run in a row. Damaged parts are replaced by a note. */
export function fromRow(row: Row): Run {
  const request = (objectFrom(row.request) as Omit<RunRequest, 'prompt'> | undefined) ?? UNREADABLE_REQUEST;
  return {
    id: row.id,
    sessionId: row.session_id,
    state: row.state,
    request: { ...request, prompt: row.prompt ?? '' },
    acceptedAt: row.accepted_at,
    ...(row.started_at !== null && { startedAt: row.started_at }),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.result !== null && {
      result: (objectFrom(row.result) as RunResult | undefined) ?? unreadableResult(row.outcome),
    }),
    ...(row.decisions !== null && row.decisions !== '[]' && { decisions: JSON.parse(row.decisions) as Decision[] }),
    ...(row.callback !== null && { callback: JSON.parse(row.callback) as Callback }),
  };
}

function unreadableResult(outcome: Outcome | null): RunResult {
  return {
    ...NO_OUTPUT,
    outcome: outcome ?? 'failed',
    warnings: ["The record of this run's result cannot be read."],
  };
}

/** The JSON object in a column; undefined if it is damaged. */
export function objectFrom(json: string): object | undefined {
  const value = jsonOf(json);
  return typeof value === 'object' && value !== null ? value : undefined;
}
