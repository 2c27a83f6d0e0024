import type { RunOptions } from '../http/api/run-request.ts';
import type { Decision } from '../http/api/decision.ts';
import type { GitRequest } from '../http/api/git.ts';
import type { Callback, RunResult } from '../http/api/run.ts';
import type { Outcome } from '../contract.ts';
import type { InputFile } from '../files/run-files.ts';
import type { Trace } from '../tracing/trace.ts';

export type { Decision } from '../http/api/decision.ts';
export type { Callback, RunResult } from '../http/api/run.ts';
export type { Pause } from '../http/api/state.ts';

/** A file of a request; its content is in the agent's store. */
export type RequestFile = Omit<InputFile, 'path'>;

/** A client's request, checked and complete. */
export interface RunRequest {
  readonly prompt: string;
  readonly options: RunOptions;
  /** The conversation to continue; undefined for a new one. */
  readonly resume?: string;
  /** The client's own labels for the run, such as its workflow and execution. */
  readonly labels: Readonly<Record<string, string>>;
  /** No other run of this lane may be in progress at the same time. */
  readonly lane?: string;
  /** Milliseconds from acceptance, including the wait in the queue; with `queueTimeoutMs` from the start. */
  readonly timeoutMs: number;
  /** How many milliseconds the run may wait in the queue; undefined if only `timeoutMs` limits that. */
  readonly queueTimeoutMs?: number;
  /** Absolute path of an existing folder inside the workspace. With `git` it is not used. */
  readonly workdir: string;
  /** The URL of the callback. Known only at acceptance: it may be a secret, and records do not show it. */
  readonly callbackUrl?: string;
  /** The name of the caller; undefined for the operator. */
  readonly caller?: string;
  /** Whether its client waits for the end, so that nobody can be asked for a decision. */
  readonly isAwaited?: boolean;
  /** The files that it is given. */
  readonly files?: readonly RequestFile[];
  /** The repository that it works on. */
  readonly git?: GitRequest;
  /** The trace that it belongs to; undefined if its client named none and the agent makes no spans. */
  readonly trace?: Trace;
}

/** A hold that outlives a restart: the queue waits for the reset of a usage limit. Times are ISO 8601. */
export interface KeptHold {
  readonly since: string;
  readonly until: string;
  /** Identifies the credential whose limit it is. Not secret. */
  readonly credential: string;
}

/** The result of a run that ended without `claude`, without its outcome. */
export const NO_OUTPUT = { output: '', permissionDenials: [], warnings: [] } as const;

/** A run from its acceptance to its end. Times are ISO 8601 in UTC. */
export interface Run {
  readonly id: string;
  /** The conversation of the CLI, assigned at acceptance so that an interrupted run can be resumed. */
  readonly sessionId: string;
  /** `waiting`: in progress, until a person has decided. */
  readonly state: 'queued' | 'running' | 'waiting' | 'ended';
  readonly request: RunRequest;
  readonly acceptedAt: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly result?: RunResult;
  /** If the client requested one. */
  readonly callback?: Callback;
  /** What a person had to decide, in the order it was asked; undefined for nothing, and in summaries. */
  readonly decisions?: readonly Decision[];
}

/** A run without Claude's output, which can be large. */
export type RunSummary = Omit<Run, 'result'> & {
  readonly result?: Omit<RunResult, 'output' | 'structuredOutput'>;
};

/** An ended run. */
export type EndedRun = Ended<Run>;

/** The ended variant of a run or of its summary. */
export type Ended<R extends RunSummary> = R & {
  readonly state: 'ended';
  readonly endedAt: string;
  readonly result: NonNullable<R['result']>;
};

/** How many runs ended with an outcome within one of the last hours. */
export interface OutcomeCount {
  /** How long ago, in whole hours: 0 to 23. */
  readonly hoursAgo: number;
  readonly outcome: Outcome;
  readonly runs: number;
}

/** The client's key for one request: sending the request again does not run it again. */
export interface Idempotency {
  readonly key: string;
  /** Whose key it is: another caller may use the same one; undefined for the operator. */
  readonly caller?: string | undefined;
  /** Equal for equal requests. */
  readonly requestHash: string;
}

/** Which runs to list, and where to continue. */
export interface RunFilter {
  readonly state?: Run['state'];
  readonly outcome?: Outcome;
  /** Only runs with all of these labels. */
  readonly labels?: readonly (readonly [name: string, value: string])[];
  readonly lane?: string;
  readonly caller?: string;
  /** Only runs whose labels contain this workflow name or id. */
  readonly workflow?: string;
  /** Only runs whose records contain all of these words, see `search.ts`. */
  readonly text?: string;
  /** Accepted at or after, ISO 8601. */
  readonly since?: string;
  /** Accepted before, ISO 8601. */
  readonly until?: string;
  /** Only runs accepted before the one with this number; see {@link RunPage}. */
  readonly before?: number;
  readonly limit: number;
}

/** A page of runs, newest first. */
export interface RunPage {
  readonly runs: readonly RunSummary[];
  /** `before` of the next page, if there is one. A search only goes so far back, so the next page may be empty. */
  readonly next?: number;
}

/** When a run times out, in milliseconds since the epoch. Only for display: the timeout itself does not use the system clock. */
export function deadlineOf({ acceptedAt, startedAt, request, decisions = [] }: Run): number {
  const { timeoutMs, queueTimeoutMs } = request;
  const waited = waitedForDecisionsMs(decisions);
  return queueTimeoutMs !== undefined && startedAt !== undefined
    ? Date.parse(startedAt) + timeoutMs + waited
    : Date.parse(acceptedAt) + waitLimitMs(request) + waited;
}

/** How many milliseconds at least one of these decisions was open. */
function waitedForDecisionsMs(decisions: readonly Decision[]): number {
  let [waited, until] = [0, 0];
  for (const { askedAt, decidedAt } of decisions) {
    const [from, to] = [Date.parse(askedAt), decidedAt === undefined ? Date.now() : Date.parse(decidedAt)];
    waited += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return waited;
}

/** How many milliseconds after its acceptance a run times out if it has not started. */
export function waitLimitMs({ timeoutMs, queueTimeoutMs }: RunRequest): number {
  return queueTimeoutMs ?? timeoutMs;
}

/** Milliseconds between two times of a run, at least 0: the clock may have been set back between them. */
export function millisecondsBetween(earlier: string, later: string): number {
  return Math.max(0, Date.parse(later) - Date.parse(earlier));
}

/**
 * How many milliseconds a run that another process accepted may still wait, by the system clock, because no other clock
 * outlives a process. Never more than when it was accepted, even if the clock was changed.
 */
export function remainingWaitMs({ acceptedAt, request }: Run): number {
  return Math.max(0, waitLimitMs(request) - millisecondsBetween(acceptedAt, new Date().toISOString()));
}
