import type { DatabaseSync } from 'node:sqlite';
import { OPERATOR } from '../contract.ts';
import type { RunFilter, RunRequest, RunResult } from './run.ts';
import { objectFrom } from './rows.ts';

/** How far back one search goes, whichever limit is reached first. It blocks other requests, so it is bounded. */
export const SEARCHED_RUNS = 2000;
export const SEARCHED_BYTES = 8 * 1_048_576;

/** The parameters of a search for the statement that lists runs. */
export interface SearchBounds {
  /** 1 with a search, otherwise null. */
  readonly search: 1 | null;
  readonly workflow: string | null;
  readonly text: string | null;
  /** The number of the oldest run to search. */
  readonly oldest: number | null;
  /** Whether there are older ones. */
  readonly goesOn: boolean;
}

/** A condition for statements on `runs`. Its parameters are the {@link SearchBounds}. */
export const SEARCHED =
  'seq >= coalesce($oldest, 0) AND ($search IS NULL OR run_mentions(id, session_id, request, result, $workflow, $text))';

/**
 * Adds a search over the recorded fields of runs to a database: id, session, labels, model and error. Prompts are deleted
 * when a run ends, and Claude's output is not searched.
 * @returns a function that determines how far back a search goes.
 */
export function searchIn(db: DatabaseSync): (filter: RunFilter) => SearchBounds {
  const options = { deterministic: true, varargs: true } as const;
  db.function('run_mentions', options, (...values) => Number(mentions(values as Searched)));
  const bounds = db.prepare(
    `SELECT min(seq) AS oldest FROM (
       SELECT seq, sum(bytes) OVER (ORDER BY seq DESC) - bytes AS before_it FROM (
         SELECT seq, octet_length(request) + coalesce(octet_length(result), 0) AS bytes
         FROM runs WHERE ($before IS NULL OR seq < $before) ORDER BY seq DESC LIMIT ${SEARCHED_RUNS}
       )
     ) WHERE before_it < ${SEARCHED_BYTES}`,
  );
  const isOlder = db.prepare('SELECT 1 FROM runs WHERE seq < ? LIMIT 1');
  return ({ workflow, text, before = null }) => {
    if (workflow === undefined && text === undefined) {
      return { search: null, workflow: null, text: null, oldest: null, goesOn: false };
    }
    const { oldest } = bounds.get({ before }) as { oldest: number | null };
    const goesOn = oldest !== null && isOlder.get(oldest) !== undefined;
    return { search: 1, workflow: workflow ?? null, text: text ?? null, oldest, goesOn };
  };
}

type Searched = [
  ...[id: string, sessionId: string, request: string, result: string | null],
  ...[workflow: string | null, text: string | null],
];

function mentions([id, sessionId, request, result, workflow, text]: Searched): boolean {
  const { labels = {}, caller = OPERATOR } = (objectFrom(request) ?? {}) as Partial<RunRequest>;
  const names = [labels['workflowName'], labels['workflow']];
  if (workflow !== null && !names.some((name) => name !== undefined && folded(name) === folded(workflow))) return false;
  if (text === null) return true;
  const { error = '', model = '' } = (objectFrom(result ?? '{}') ?? {}) as Partial<RunResult>;
  const known = [
    id,
    sessionId,
    error,
    model,
    `caller: ${caller}`,
    ...Object.entries(labels).map(([name, value]) => `${name}: ${value}`),
  ];
  const all = folded(known.join('\n'));
  return folded(text)
    .split(/\s+/)
    .every((word) => all.includes(word));
}

/** Ignores case and different Unicode forms of the same letter. */
const folded = (text: string) => text.normalize('NFKC').toLowerCase();
