import { exitCodeOf } from '../runs/outcome.ts';
import type { Run } from '../runs/run.ts';

/** A run for a client: everything but its prompt. */
export function resourceOf({ id, sessionId, state, request, acceptedAt, startedAt, endedAt, result, callback }: Run) {
  const { timeoutMs: timeout, workdir, options, labels } = request;
  return {
    id,
    state,
    acceptedAt,
    startedAt,
    endedAt,
    sessionId,
    labels,
    request: { timeout, workdir, ...options },
    callback,
    ...(result && { success: result.outcome === 'succeeded', exitCode: exitCodeOf(result.outcome), ...result }),
  };
}
