import type { RunResource } from '../api/run.ts';
import { exitCodeOf } from '../runs/outcome.ts';
import type { EndedRun, Run } from '../runs/run.ts';

/** A run for a client: everything but its prompt. */
export function resourceOf(run: Run): RunResource {
  const { id, acceptedAt, startedAt, sessionId, request, callback } = run;
  const { timeoutMs: timeout, workdir, options, labels } = request;
  const known = {
    id,
    acceptedAt,
    startedAt,
    sessionId,
    labels,
    request: { timeout, workdir, ...options },
    ...(callback && { callback }),
  };
  if (run.state !== 'ended') return { ...known, state: run.state };
  const { state, endedAt, result } = run as EndedRun;
  const success = result.outcome === 'succeeded';
  return { ...known, state, endedAt, success, exitCode: exitCodeOf(result.outcome), ...result };
}
