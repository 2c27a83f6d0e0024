import type { Context } from 'hono';
import {
  CodeError,
  LoginNotPossibleError,
  LoginUnavailableError,
  NoSuchLoginError,
  WouldReplaceError,
} from '../login/new-login/errors.ts';
import { BudgetSpentError } from '../budgets/errors.ts';
import { FilesFullError, FileTooLargeError } from '../files/errors.ts';
import { AlreadyDecidedError, DecisionMistake, NoSuchDecisionError } from '../decisions/errors.ts';
import { DrainingError, PausedError, StorageError, WorkspaceFullError } from '../runs/errors.ts';
import { QueueFullError } from '../runs/queue.ts';
import { IdempotencyError } from '../store/store.ts';
import { WorkspaceUnusableError } from '../workspace/workspace.ts';
import { problem, ProblemError } from './problem.ts';

/** The response for an error that refuses a request; undefined for any other error. */
export function refusalOf(c: Context, error: unknown): Response | undefined {
  const refusal = problemFor(error);
  return refusal && problem(c, refusal.kind, refusal.message, refusal.extras);
}

/** The problem that an error which refuses a request stands for; undefined for any other error. */
export function problemFor(error: unknown): ProblemError | undefined {
  if (error instanceof ProblemError) return error;
  if (error instanceof IdempotencyError) return new ProblemError('idempotency-key-reused', error.message);
  if (error instanceof QueueFullError) {
    return new ProblemError('queue-full', `${error.message} The run was not accepted. Try again later.`);
  }
  if (error instanceof BudgetSpentError) {
    const headers = { 'Retry-After': String(error.retryAfter) };
    return new ProblemError('budget-spent', error.message, { resetsAt: error.resetsAt, headers });
  }
  if (error instanceof DrainingError) {
    return new ProblemError('draining', error.message, { headers: { Connection: 'close' } });
  }
  if (error instanceof PausedError) return new ProblemError('paused', error.message);
  if (error instanceof LoginNotPossibleError) return new ProblemError('login-not-possible', error.message);
  if (error instanceof WouldReplaceError) return new ProblemError('login-not-confirmed', error.message);
  if (error instanceof NoSuchLoginError) return new ProblemError('no-such-login', error.message);
  if (error instanceof CodeError) return new ProblemError('wrong-code', error.message);
  if (error instanceof LoginUnavailableError) return new ProblemError('login-unavailable', error.message);
  if (error instanceof WorkspaceFullError) return new ProblemError('workspace-full', error.message);
  if (error instanceof WorkspaceUnusableError) {
    return new ProblemError('workspace-unusable', `${error.message} The run was not accepted.`);
  }
  if (error instanceof FileTooLargeError) {
    return new ProblemError('file-too-large', error.message, { headers: { Connection: 'close' } });
  }
  if (error instanceof FilesFullError) {
    return new ProblemError('files-full', error.message, { headers: { Connection: 'close' } });
  }
  if (error instanceof NoSuchDecisionError) return new ProblemError('no-such-decision', error.message);
  if (error instanceof AlreadyDecidedError) return new ProblemError('already-decided', error.message);
  if (error instanceof DecisionMistake) return new ProblemError('invalid-request', error.message);
  return error instanceof StorageError ? new ProblemError('storage', error.message) : undefined;
}
