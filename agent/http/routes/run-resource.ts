import { callerNameOf } from '../../callers/callers.ts';
import type { GitRequest } from '../api/git.ts';
import type { ListedRun, PlaceInQueue, RunPage, RunResource } from '../api/run.ts';
import { exitCodeOf } from '../../runs/outcome.ts';
import { withoutUndefined } from '../request/json-body.ts';
import type { Ended, Run, RunPage as StoredPage, RunSummary } from '../../store/run.ts';

/**
 * A run for a client, without its prompt; for a summary also without Claude's output.
 * @param queue where it waits, if it does.
 */
export function resourceOf(run: Run, queue?: PlaceInQueue): RunResource;
export function resourceOf(run: RunSummary): ListedRun;
export function resourceOf(run: Run | RunSummary, queue?: PlaceInQueue): RunResource | ListedRun {
  const { id, acceptedAt, startedAt, sessionId, request, callback, decisions } = run;
  const { timeoutMs: timeout, queueTimeoutMs: queueTimeout, lane, workdir, options, labels, files, git } = request;
  const known = {
    id,
    acceptedAt,
    startedAt,
    sessionId,
    caller: callerNameOf(run),
    ...traceIdOf(run),
    labels,
    request: {
      timeout,
      workdir,
      ...withoutUndefined({ queueTimeout, lane, files, git: git && echoOf(git) }),
      ...options,
    },
    ...(callback && { callback }),
    ...(decisions && { decisions }),
  };
  if (run.state !== 'ended') return { ...known, state: run.state, ...(queue && { queue }) };
  const { state, endedAt, result } = run as Ended<Run | RunSummary>;
  const success = result.outcome === 'succeeded';
  return { ...known, state, endedAt, success, exitCode: exitCodeOf(result.outcome), ...result };
}

/** The trace of a run, if it has one. */
export function traceIdOf({ request: { trace } }: Pick<RunSummary, 'request'>): { traceId?: string } {
  return trace ? { traceId: trace.traceId } : {};
}

/**
 * A run for the client that has just sent it, with what is ignored in its request.
 * @param warnings those of the request; the record has none of them.
 */
export function acceptedResourceOf(
  run: Run,
  queue: PlaceInQueue | undefined,
  warnings: readonly string[],
): RunResource {
  const resource = resourceOf(run, queue);
  if (warnings.length === 0) return resource;
  return { ...resource, warnings: [...warnings, ...(resource.warnings ?? [])] };
}

/** A page of runs for a client. */
export const pageOf = ({ runs, next }: StoredPage): RunPage => ({
  runs: runs.map((run) => resourceOf(run)),
  next: next === undefined ? null : String(next),
});

/** Without the text of the pull request, which can be long. */
function echoOf({ pullRequest, ...git }: GitRequest) {
  if (!pullRequest) return git;
  const { body: _, ...rest } = pullRequest;
  return { ...git, pullRequest: rest };
}
