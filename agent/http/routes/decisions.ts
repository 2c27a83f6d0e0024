import type { Handler } from 'hono';
import { isDeeperThan } from '../../claude/bounded.ts';
import { RUN_LIMITS } from '../../contract.ts';
import type { RunService } from '../../runs/service.ts';
import { decisionRequest } from '../api/decision.ts';
import { ProblemError } from '../problem.ts';
import { parseJsonObject } from '../request/json-body.ts';
import { resourceOf } from './run-resource.ts';
import { noSuchRun } from './runs.ts';

const ALLOWED =
  'The body must be {"allow": true, "input"?: OBJECT}, {"allow": false, "message"?: TEXT} or {"answers": {QUESTION: ANSWER}}.';

/** `POST /runs/{id}/decisions/{decisionId}`: allows or denies what a run waits for, or answers its question. */
export function decideRun(service: RunService): Handler {
  return async (c) => {
    const body = parseJsonObject(await c.req.arrayBuffer());
    if (typeof body === 'string') throw new ProblemError('invalid-json', body);
    const parsed = isDeeperThan(RUN_LIMITS.nesting, body) ? undefined : decisionRequest.safeParse(body);
    if (!parsed?.success) throw new ProblemError('invalid-request', ALLOWED);
    const { id = '', decisionId = '' } = c.req.param();
    const run = service.decide(id, decisionId, parsed.data);
    return run ? c.json(resourceOf(run)) : noSuchRun(c, id);
  };
}
