import type { Handler } from 'hono';
import { runRequestUpTo } from '../api/run-request.ts';
import type { RunService } from '../../runs/service.ts';
import { callerOf } from '../bearer.ts';
import { noSuchRun, requestOf, runOf, visible } from '../own-runs.ts';
import { readRun } from '../request/read-run.ts';
import type { CommonRules } from '../request/run-request.ts';
import { runFilterIn } from '../request/run-query.ts';
import { acceptedResourceOf, pageOf, resourceOf } from './run-resource.ts';

/** `POST /runs`: accepts a run without waiting for it. */
export function createRun(service: RunService, rules: CommonRules): Handler {
  const schema = runRequestUpTo(rules.maxRunMinutes * 60_000);
  const own = { ...rules, schema, unknownFields: 'refused', waits: false } as const;
  return async (c) => {
    using read = await readRun(c, own);
    const { request, idempotency, warnings } = read;
    const { run } = await service.accept(requestOf(callerOf(c), request, service), false, idempotency);
    return c.json(acceptedResourceOf(run, service.placeOf(run), warnings), 202, { Location: `/runs/${run.id}` });
  };
}

/** `GET /runs`: a page of runs, newest first. */
export function listRuns(service: RunService): Handler {
  return (c) => {
    const filter = runFilterIn(new URL(c.req.url).searchParams);
    return c.json(pageOf(service.list(visible(callerOf(c), filter))));
  };
}

/** `GET /runs/{id}`: the current state of a run. */
export function getRun(service: RunService): Handler {
  return (c) => {
    const run = runOf(c, service, 'see');
    return c.json(resourceOf(run, service.placeOf(run)));
  };
}

/** `DELETE /runs/{id}`: cancels a run. */
export function cancelRun(service: RunService): Handler {
  return (c) => {
    const { id } = runOf(c, service, 'change');
    const run = service.cancel(id);
    if (!run) throw noSuchRun(id);
    return c.json(resourceOf(run), run.state === 'ended' ? 200 : 202);
  };
}
