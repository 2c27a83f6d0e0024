import type { RunAsks } from '../decisions/decisions.ts';
import type { ClaudeProcess, EndReason } from '../claude/process.ts';
import type { GitRun } from '../git/run/git-run.ts';
import type { Ticket } from './queue.ts';
import type { EndedRun, Run, RunRequest, RunResult } from '../store/run.ts';

/** A run that has not ended, and the clients that wait for it. */
export interface Job {
  run: Run;
  /**
   * When it times out, in milliseconds of `performance.now()`, which is independent of the system clock. With a queue
   * timeout: until its start when it has waited too long, then when it has run too long.
   */
  deadline: number;
  /** Settles when the end of the run is on disk; rejects with a `DrainingError` or a `StorageError`. */
  readonly ended: PromiseWithResolvers<EndedRun>;
  /** How many clients wait for its end; Infinity for a run that does not depend on a client. */
  clients: number;
  ticket?: Ticket;
  process?: ClaudeProcess;
  /** The repository that it works on, from its start on. */
  git?: GitRun;
  /** Where it runs; undefined before. */
  folder?: string;
  /** What a person decides about it. */
  asks?: RunAsks | undefined;
  /** When the API last began to answer it, in milliseconds since the epoch; undefined if it never did. */
  answeredAt?: number | undefined;
  /** What its prompt came to, whatever becomes of its repository; undefined if Claude had none. */
  answer?: RunResult;
  /** Releases the files that it left; their record is on disk by then. */
  releaseFiles?: () => void;
  /** Stops watching the disk use of the run. */
  stopWatching?: () => void;
  /** Why it should end; may be set before there is a process. */
  endReason?: EndReason;
  /** Fires when a waiting run times out. */
  timer?: NodeJS.Timeout;
  /** The client was told that the outcome of its run is unknown. */
  givenUp?: boolean;
  /** It will not start, but its end is not on disk yet. */
  endUnwritten?: boolean;
}

/**
 * What a run must have to itself: its conversation, because two turns at the same time would overwrite each other, and its
 * lane.
 * @param sessionId undefined for a new conversation without an id.
 */
export function lanesOf({ lane }: RunRequest, sessionId: string | undefined): string[] {
  return [
    ...(sessionId === undefined ? [] : [`conversation:${sessionId}`]),
    ...(lane === undefined ? [] : [`lane:${lane}`]),
  ];
}

/** @param waitMs how long the run may wait from now on. */
export function jobFor(run: Run, clients: number, waitMs: number): Job {
  const ended = Promise.withResolvers<EndedRun>();
  // There may be no listener: the client has left, or belonged to an earlier agent.
  ended.promise.catch(() => undefined);
  return { run, deadline: performance.now() + waitMs, ended, clients };
}

/** Ends a job that has started or is about to. */
export function requestEnd(job: Pick<Job, 'process' | 'git' | 'endReason'>, reason: EndReason): void {
  job.endReason ??= reason;
  job.git?.end(reason);
  job.process?.end(reason);
}
