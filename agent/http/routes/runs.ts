import type { Context, Handler } from 'hono';
import type { RunPage } from '../api/run.ts';
import { runRequestUpTo } from '../api/run-request.ts';
import type { Run } from '../../store/run.ts';
import type { RunService } from '../../runs/service.ts';
import { problem } from '../problem.ts';
import { readRun } from '../request/read-run.ts';
import type { CommonRules } from '../request/run-request.ts';
import { readRunQuery } from '../request/run-query.ts';
import { resourceOf } from './run-resource.ts';

/** `POST /runs`: accepts a run without waiting for it. */
export function createRun(service: RunService, rules: CommonRules): Handler {
  const schema = runRequestUpTo(rules.maxRunMinutes * 60_000);
  const own = { ...rules, schema, unknownFields: 'refused', waits: false } as const;
  return async (c) => {
    const { request, idempotency } = await readRun(c, own);
    const { run } = await service.accept(request, false, idempotency);
    return c.json(resourceOf(run), 202, { Location: `/runs/${run.id}` });
  };
}

/** `GET /runs`: a page of runs, newest first. */
export function listRuns(service: RunService): Handler {
  return (c) => {
    const query = readRunQuery(new URL(c.req.url).searchParams);
    if ('errors' in query) {
      const { errors } = query;
      return problem(c, 'invalid-query', errors.map(({ message }) => message).join(' '), { errors });
    }
    const { runs, next } = service.list(query.filter);
    return c.json({
      runs: runs.map((run) => resourceOf(run)),
      next: next === undefined ? null : String(next),
    } satisfies RunPage);
  };
}

/** `GET /runs/{id}`: the current state of a run. */
export function getRun(service: RunService): Handler {
  return withRun(
    (id) => service.find(id),
    (c, run) => c.json(resourceOf(run)),
  );
}

/** `DELETE /runs/{id}`: cancels a run. */
export function cancelRun(service: RunService): Handler {
  return withRun(
    (id) => service.cancel(id),
    (c, run) => c.json(resourceOf(run), run.state === 'ended' ? 200 : 202),
  );
}

/** Responds with the run of the path, or with a problem if there is none. */
export function withRun(find: (id: string) => Run | undefined, answer: (c: Context, run: Run) => Response): Handler {
  return (c) => {
    const id = c.req.param('id') ?? '';
    const run = find(id);
    return run ? answer(c, run) : noSuchRun(c, id);
  };
}

/** Responds that there is no run with this id. */
export function noSuchRun(c: Context, id: string): Response {
  const named = JSON.stringify(id.slice(0, 100));
  return problem(c, 'no-such-run', `Run ${named} does not exist. Its record may have been removed because of its age.`);
}
