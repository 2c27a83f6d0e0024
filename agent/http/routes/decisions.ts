import type { Handler } from 'hono';
import { isDeeperThan } from '../../claude/bounded.ts';
import { RUN_LIMITS } from '../../contract.ts';
import type { RunService } from '../../runs/service.ts';
import { decisionRequest } from '../api/decision.ts';
import { callerOf } from '../bearer.ts';
import { noSuchRun, runOf } from '../own-runs.ts';
import { ProblemError } from '../problem.ts';
import { parseJsonObject } from '../request/json-body.ts';
import { resourceOf } from './run-resource.ts';

const ALLOWED =
  'The body must be {"allow": true, "input"?: OBJECT}, {"allow": false, "message"?: TEXT} or {"answers": {QUESTION: ANSWER}}.';

/** `POST /runs/{id}/decisions/{decisionId}`: allows or denies what a run waits for, or answers its question. */
export function decideRun(service: RunService): Handler {
  return async (c) => {
    const body = parseJsonObject(await c.req.arrayBuffer());
    if (typeof body === 'string') throw new ProblemError('invalid-json', body);
    const parsed = isDeeperThan(RUN_LIMITS.nesting, body) ? undefined : decisionRequest.safeParse(body);
    if (!parsed?.success) throw new ProblemError('invalid-request', ALLOWED);
    const { id } = runOf(c, service, 'change');
    const run = service.decide(id, c.req.param('decisionId') ?? '', parsed.data, callerOf(c).name);
    if (!run) throw noSuchRun(id);
    return c.json(resourceOf(run));
  };
}
