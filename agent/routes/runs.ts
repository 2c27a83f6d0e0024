import type { Context, Handler } from 'hono';
import type { z } from 'zod';
import type { FieldError } from '../api/problem.ts';
import type { RunPage } from '../api/run.ts';
import { runQuery } from '../api/run-query.ts';
import type { CallbackHosts } from '../callbacks/hosts.ts';
import type { Run } from '../runs/run.ts';
import type { RunService } from '../runs/service.ts';
import { withoutUndefined } from '../without-undefined.ts';
import { problem } from './problem.ts';
import { takeRun } from './run-intake.ts';
import { resourceOf } from './run-resource.ts';

/** `POST /runs`: takes a run without waiting for it. */
export function createRun(service: RunService, workspaceDir: string, callbackHosts: CallbackHosts): Handler {
  return async (c) => {
    const taken = await takeRun(c, { service, workspaceDir, callbackHosts, unknownFields: 'refused', waits: false });
    if (taken instanceof Response) return taken;
    const { run } = taken.accepted;
    return c.json(resourceOf(run), 202, { Location: `/runs/${run.id}` });
  };
}

/** `GET /runs`: some runs, newest first. */
export function listRuns(service: RunService): Handler {
  return (c) => {
    const parsed = runQuery.safeParse(c.req.query());
    if (!parsed.success) return badQuery(c, parsed.error);
    const { cursor, label, since, until, ...rest } = parsed.data;
    const { runs, next } = service.list({
      ...withoutUndefined(rest),
      limit: rest.limit,
      ...(cursor !== undefined && { before: cursor }),
      ...(label !== undefined && { label: splitLabel(label) }),
      ...(since !== undefined && { since: new Date(since).toISOString() }),
      ...(until !== undefined && { until: new Date(until).toISOString() }),
    });
    return c.json({
      runs: runs.map((run) => resourceOf(run)),
      next: next === undefined ? null : String(next),
    } satisfies RunPage);
  };
}

/** `GET /runs/{id}`: a run as it is now. */
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

/** Answers with the run of the path, or says that there is none. */
export function withRun(find: (id: string) => Run | undefined, answer: (c: Context, run: Run) => Response): Handler {
  return (c) => {
    const id = c.req.param('id') ?? '';
    const run = find(id);
    if (run) return answer(c, run);
    const named = JSON.stringify(id.slice(0, 100));
    return problem(c, 'no-such-run', `There is no run ${named}; its record may have been removed by age.`);
  };
}

function splitLabel(label: string): [string, string] {
  const at = label.indexOf(':');
  return [label.slice(0, at), label.slice(at + 1)];
}

function badQuery(c: Context, error: z.ZodError): Response {
  const errors = error.issues.map(({ path: [name], message }): FieldError => {
    const field = String(name ?? 'query');
    return { field, message: name === undefined ? `${message}.` : `\`${field}\` must be ${message}.` };
  });
  return problem(c, 'invalid-query', errors.map(({ message }) => message).join(' '), { errors });
}
