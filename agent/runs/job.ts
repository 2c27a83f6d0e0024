import type { ClaudeProcess, EndReason } from '../claude/process.ts';
import type { Ticket } from './queue.ts';
import type { EndedRun, Run } from '../store/run.ts';

/** A run that has not ended, and those who wait for it. */
export interface Job {
  run: Run;
  /** When its time is up, in milliseconds of `performance.now()`: setting the clock moves no deadline. */
  readonly deadline: number;
  /** Settles when the end of the run is on disk; rejects with a `DrainingError` or a `StorageError`. */
  readonly ended: PromiseWithResolvers<EndedRun>;
  /** How many clients wait for its end; a run that nobody has to wait for has infinitely many. */
  clients: number;
  ticket?: Ticket;
  process?: ClaudeProcess;
  /** Ends the watch over what the run takes of the disk. */
  stopWatching?: () => void;
  /** Why it is to end; it may be told so before there is a process. */
  endReason?: EndReason;
  /** Fires when the time of a run that waits is up. */
  timer?: NodeJS.Timeout;
  /** The client was told that nobody knows what becomes of its run. */
  givenUp?: boolean;
  /** It will not begin, but its end is not on disk yet. */
  endUnwritten?: boolean;
}

/** @param remainingMs how long the run may take from now on, waiting included. */
export function jobFor(run: Run, clients: number, remainingMs: number): Job {
  const ended = Promise.withResolvers<EndedRun>();
  // Nobody may be listening: a client that left, or one of an earlier agent.
  ended.promise.catch(() => undefined);
  return { run, deadline: performance.now() + remainingMs, ended, clients };
}

/** Ends a job that has begun, or is about to. */
export function requestEnd(job: Job, reason: EndReason): void {
  job.endReason ??= reason;
  job.process?.end(reason);
}
