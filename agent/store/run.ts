import type { RunOptions } from '../http/api/run-request.ts';
import type { Callback, RunResult } from '../http/api/run.ts';
import type { Outcome } from '../contract.ts';

export type { Callback, RunResult } from '../http/api/run.ts';
export type { Pause } from '../http/api/state.ts';

/** What a client asked for, checked and complete. */
export interface RunRequest {
  readonly prompt: string;
  readonly options: RunOptions;
  /** The conversation to go on with; undefined for a new one. */
  readonly resume?: string;
  /** The client's own words for the run, e.g. its workflow and execution. */
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds from acceptance, waiting in the queue included. */
  readonly timeoutMs: number;
  /** Absolute path of an existing folder inside the workspace. */
  readonly workdir: string;
  /** Where to tell of the end of the run. Known at acceptance only: it may be a secret, and records do not show it. */
  readonly callbackUrl?: string;
}

/** The result of a run that `claude` had no say in, without its outcome. */
export const NO_OUTPUT = { output: '', permissionDenials: [], warnings: [] } as const;

/** A run from its acceptance to its end. Times are ISO 8601 in UTC. */
export interface Run {
  readonly id: string;
  /** The conversation of the CLI, assigned at acceptance so that an interrupted run can be resumed. */
  readonly sessionId: string;
  readonly state: 'queued' | 'running' | 'ended';
  readonly request: RunRequest;
  readonly acceptedAt: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly result?: RunResult;
  /** Where the client asked for one. */
  readonly callback?: Callback;
}

/** A run without what Claude said, which can be large. */
export type RunSummary = Omit<Run, 'result'> & {
  readonly result?: Omit<RunResult, 'output' | 'structuredOutput'>;
};

/** A run that has ended. */
export type EndedRun = Ended<Run>;

/** The same of a run and of its summary. */
export type Ended<R extends RunSummary> = R & {
  readonly state: 'ended';
  readonly endedAt: string;
  readonly result: NonNullable<R['result']>;
};

/** How many runs ended in one way within one of the last hours. */
export interface OutcomeCount {
  /** How long ago, in whole hours: 0 to 23. */
  readonly hoursAgo: number;
  readonly outcome: Outcome;
  readonly runs: number;
}

/** A client's own name for one request, so that sending it again does not run it again. */
export interface Idempotency {
  readonly key: string;
  /** Tells requests apart: equal for requests that mean the same. */
  readonly requestHash: string;
}

/** Which runs to list, and where to go on. */
export interface RunFilter {
  readonly state?: Run['state'];
  readonly outcome?: Outcome;
  /** Only runs that have all of these. */
  readonly labels?: readonly (readonly [name: string, value: string])[];
  /** Only runs with this name or id of a workflow among their labels. */
  readonly workflow?: string;
  /** Only runs that have all its words in what is kept of them, see `search.ts`. */
  readonly text?: string;
  /** Accepted at or after, ISO 8601. */
  readonly since?: string;
  /** Accepted before, ISO 8601. */
  readonly until?: string;
  /** Only runs accepted before the one with this number; see {@link RunPage}. */
  readonly before?: number;
  readonly limit: number;
}

/** Some runs, newest first. */
export interface RunPage {
  readonly runs: readonly RunSummary[];
  /** `before` of the next page, where there is one. After a search, which looks so far back only, that may be empty. */
  readonly next?: number;
}

/** When the time of a run is up, in milliseconds since the epoch, for people: what ends runs is no wall clock. */
export function deadlineOf(run: Run): number {
  return Date.parse(run.acceptedAt) + run.request.timeoutMs;
}

/** Milliseconds between two times of a run; the clock may have been set back between them. */
export function millisecondsBetween(earlier: string, later: string): number {
  return Math.max(0, Date.parse(later) - Date.parse(earlier));
}

/**
 * How many milliseconds a run has left that another process accepted, by the wall clock, which alone outlives a
 * process. Never more than the run was given, however the clock was set since.
 */
export function remainingMs({ acceptedAt, request }: Run): number {
  return Math.max(0, request.timeoutMs - millisecondsBetween(acceptedAt, new Date().toISOString()));
}
