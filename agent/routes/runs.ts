import { Hono, type Context } from 'hono';
import { z } from 'zod';
import type { CallbackHosts } from '../callbacks/hosts.ts';
import { EXIT_CODES, type Outcome } from '../contract.ts';
import type { RunService } from '../runs/service.ts';
import { jsonBody } from './json-body.ts';
import { problem, type FieldError } from './problem.ts';
import { streamRunEvents } from './run-events.ts';
import { takeRun } from './run-intake.ts';
import { resourceOf } from './run-resource.ts';
import { withoutUndefined } from '../without-undefined.ts';

const MAX_PAGE = 200;

const limit = `a whole number from 1 to ${MAX_PAGE}`;
const time = 'a time in UTC, such as 2026-01-31T12:00:00.000Z';
const outcomes = Object.keys(EXIT_CODES) as [Outcome, ...Outcome[]];

const query = z.object({
  limit: z.coerce.number(limit).int(limit).min(1, limit).max(MAX_PAGE, limit).default(50),
  cursor: z.coerce.number('the `next` of an earlier answer').int().min(1).optional(),
  state: z.enum(['queued', 'running', 'ended'], 'queued, running or ended').optional(),
  outcome: z.enum(outcomes, `one of ${outcomes.join(', ')}`).optional(),
  label: z
    .string()
    .regex(/^[^:]+:./, 'NAME:VALUE')
    .optional(),
  since: z.iso.datetime(time).optional(),
  until: z.iso.datetime(time).optional(),
});

/** `/runs`: runs as a resource, for anything longer than a client will wait. */
export function runsRoute(service: RunService, workspaceDir: string, callbackHosts: CallbackHosts): Hono {
  const route = new Hono();
  route.post('/', ...jsonBody, async (c) => {
    const taken = await takeRun(c, { service, workspaceDir, callbackHosts, unknownFields: 'refused', waits: false });
    if (taken instanceof Response) return taken;
    const { run } = taken.accepted;
    return c.json(resourceOf(run), 202, { Location: `/runs/${run.id}` });
  });
  route.get('/', (c) => {
    const parsed = query.strict().safeParse(c.req.query());
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
    return c.json({ runs: runs.map(resourceOf), next: next === undefined ? null : String(next) });
  });
  route.get('/:id', (c) => {
    const run = service.find(c.req.param('id'));
    return run ? c.json(resourceOf(run)) : noSuchRun(c);
  });
  route.get('/:id/events', (c) => {
    const run = service.find(c.req.param('id'));
    return run ? streamRunEvents(c, service, run) : noSuchRun(c);
  });
  route.delete('/:id', (c) => {
    const run = service.cancel(c.req.param('id'));
    return run ? c.json(resourceOf(run), run.state === 'ended' ? 200 : 202) : noSuchRun(c);
  });
  return route;
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
  const detail = errors.map(({ message }) => message).join(' ');
  return problem(c, { status: 400, kind: 'invalid-query', title: 'Invalid query', detail, errors });
}

function noSuchRun(c: Context): Response {
  return problem(c, {
    status: 404,
    kind: 'no-such-run',
    title: 'No such run',
    detail: `There is no run ${JSON.stringify((c.req.param('id') ?? '').slice(0, 100))}; its record may have been removed by age.`,
  });
}
