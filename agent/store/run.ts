import type { ClaudeOptions } from '../claude/options.ts';
import type { Usage } from '../claude/spending.ts';
import type { Outcome } from '../contract.ts';

/** What a client asked for, checked and complete. */
export interface RunRequest {
  readonly prompt: string;
  readonly options: ClaudeOptions;
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

/** A tool that Claude wanted to use and was refused. */
export interface PermissionDenial {
  readonly toolName: string;
  readonly toolUseId: string;
  readonly toolInput: unknown;
}

/** How a run ended and what it left. */
export interface RunResult {
  readonly outcome: Outcome;
  /** The answer, or what there was of it when the run ended early; at most a mebibyte. */
  readonly output: string;
  /** The answer by the JSON Schema that was asked for. */
  readonly structuredOutput?: unknown;
  /** Why the run did not succeed, in a sentence. */
  readonly error?: string;
  readonly usage?: Usage;
  readonly costUsd?: number;
  readonly turns?: number;
  readonly model?: string;
  /** For `usage_limited`: when the limit ends, ISO 8601. */
  readonly resetsAt?: string;
  readonly permissionDenials: readonly PermissionDenial[];
  /** What the client should know although the run went on without it. */
  readonly warnings: readonly string[];
}

/** How far the callback of a run is. Times are ISO 8601 in UTC. Its URL may be a secret and is no part of it. */
export interface Callback {
  /** With its port, where the URL names one. */
  readonly host: string;
  /** `pending` from the acceptance of the run on. */
  readonly state: 'pending' | 'delivered' | 'given_up';
  /** Attempts that were made to the end. */
  readonly attempts: number;
  readonly lastAttemptAt?: string;
  /** The HTTP status that the last attempt was answered with. */
  readonly lastStatus?: number;
  /** Why the last attempt was not answered, in a sentence. */
  readonly lastError?: string;
  /** While the run has ended and the callback is pending. */
  readonly nextAttemptAt?: string;
  readonly deliveredAt?: string;
  readonly givenUpAt?: string;
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

/** A pause of the agent. */
export interface Pause {
  /** ISO 8601. */
  readonly since: string;
  readonly reason?: string;
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
