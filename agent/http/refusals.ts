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
  if (error instanceof ProblemError) return problem(c, error.kind, error.message, error.extras);
  if (error instanceof IdempotencyError) return problem(c, 'idempotency-key-reused', error.message);
  if (error instanceof QueueFullError) {
    return problem(c, 'queue-full', `${error.message} The run was not accepted. Try again later.`);
  }
  if (error instanceof BudgetSpentError) {
    const headers = { 'Retry-After': String(error.retryAfter) };
    return problem(c, 'budget-spent', error.message, { resetsAt: error.resetsAt, headers });
  }
  if (error instanceof DrainingError) {
    return problem(c, 'draining', error.message, { headers: { Connection: 'close' } });
  }
  if (error instanceof PausedError) return problem(c, 'paused', error.message);
  if (error instanceof LoginNotPossibleError) return problem(c, 'login-not-possible', error.message);
  if (error instanceof WouldReplaceError) return problem(c, 'login-not-confirmed', error.message);
  if (error instanceof NoSuchLoginError) return problem(c, 'no-such-login', error.message);
  if (error instanceof CodeError) return problem(c, 'wrong-code', error.message);
  if (error instanceof LoginUnavailableError) return problem(c, 'login-unavailable', error.message);
  if (error instanceof WorkspaceFullError) return problem(c, 'workspace-full', error.message);
  if (error instanceof WorkspaceUnusableError) {
    return problem(c, 'workspace-unusable', `${error.message} The run was not accepted.`);
  }
  if (error instanceof FileTooLargeError) {
    return problem(c, 'file-too-large', error.message, { headers: { Connection: 'close' } });
  }
  if (error instanceof FilesFullError) {
    return problem(c, 'files-full', error.message, { headers: { Connection: 'close' } });
  }
  if (error instanceof NoSuchDecisionError) return problem(c, 'no-such-decision', error.message);
  if (error instanceof AlreadyDecidedError) return problem(c, 'already-decided', error.message);
  if (error instanceof DecisionMistake) return problem(c, 'invalid-request', error.message);
  return error instanceof StorageError ? problem(c, 'storage', error.message) : undefined;
}
