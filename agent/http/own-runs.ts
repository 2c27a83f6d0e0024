import type { Context } from 'hono';
import { callerNameOf, isAllowed, seesAllRuns, type Caller } from '../callers/callers.ts';
import { OPERATOR } from '../contract.ts';
import type { Run, RunFilter, RunRequest } from '../store/run.ts';
import type { RunService } from '../runs/service.ts';
import { callerOf, lackOf } from './bearer.ts';
import { ProblemError } from './problem.ts';

type Act = 'see' | 'change';

/** The run of the path, as {@link runFor} finds it. */
export function runOf(c: Context, service: Pick<RunService, 'find'>, act: Act): Run {
  return runFor(callerOf(c), c.req.param('id') ?? '', service, act);
}

/**
 * A run, if the caller may see it, or change it. Everything that belongs to a run is reached through this.
 * @throws {ProblemError} if there is none, or it is that of another caller.
 */
export function runFor(caller: Caller, id: string, service: Pick<RunService, 'find'>, act: Act): Run {
  const run = service.find(id);
  if (!run || !(isOwn(run, caller) || seesAllRuns(caller))) throw noSuchRun(id);
  if (act === 'change' && !isOwn(run, caller) && !isAllowed(caller, [])) {
    throw new ProblemError('missing-right', lackOf(caller, 'changing a run of another caller', []));
  }
  return run;
}

/** That there is no run with this id, or none that the caller may see. */
export function noSuchRun(id: string): ProblemError {
  const named = JSON.stringify(id.slice(0, 100));
  return new ProblemError(
    'no-such-run',
    `Run ${named} does not exist. Its record may have been removed because of its age.`,
  );
}

/**
 * The runs that a caller may list of those that it asks for.
 * @throws {ProblemError} if it asks for those of another caller.
 */
export function visible(caller: Caller, filter: RunFilter): RunFilter {
  if (seesAllRuns(caller)) return filter;
  if (filter.caller !== undefined && filter.caller !== caller.name) {
    throw new ProblemError('missing-right', lackOf(caller, 'listing the runs of another caller', ['read']));
  }
  return { ...filter, caller: caller.name };
}

/**
 * The request of a run as that of its caller: with the caller's labels, which precede those of the request.
 * @throws {ProblemError} if it continues a conversation that the caller may not see.
 */
export function requestOf(
  caller: Caller,
  request: RunRequest,
  service: Pick<RunService, 'isConversationOfOther'>,
): RunRequest {
  const { resume } = request;
  if (resume !== undefined && !seesAllRuns(caller) && service.isConversationOfOther(resume, caller.name)) {
    const message = '`sessionId` is the conversation of another caller. Leave it out to start a new one.';
    throw new ProblemError('invalid-request', message, { errors: [{ field: 'sessionId', message }] });
  }
  const labels = { ...request.labels, ...caller.labels };
  return { ...request, labels, ...(caller.name !== OPERATOR && { caller: caller.name }) };
}

const isOwn = (run: Run, caller: Caller) => callerNameOf(run) === caller.name;
