import type { Handler } from 'hono';
import type { RunAnswer } from '../api/run.ts';
import { runRequest } from '../api/run-request.ts';
import { exitCodeOf } from '../../runs/outcome.ts';
import { millisecondsBetween, type EndedRun } from '../../store/run.ts';
import type { RunService } from '../../runs/service.ts';
import { callerOf } from '../bearer.ts';
import { requestOf } from '../own-runs.ts';
import { traceIdOf } from './run-resource.ts';
import { readRun } from '../request/read-run.ts';
import type { CommonRules } from '../request/run-request.ts';

/** `POST /run`: runs a prompt and responds with the result. */
export function runAndWait(service: RunService, rules: CommonRules): Handler {
  const own = { ...rules, schema: runRequest, unknownFields: 'ignored', waits: true } as const;
  return async (c) => {
    using read = await readRun(c, own);
    const { request, idempotency, warnings } = read;
    const accepted = await service.accept(requestOf(callerOf(c), request, service), true, idempotency);
    const client = c.req.raw.signal;
    if (client.aborted) accepted.abandon();
    else client.addEventListener('abort', () => accepted.abandon());
    return c.json(answer(await accepted.ended, warnings));
  };
}

function answer(run: EndedRun, warnings: readonly string[]): RunAnswer {
  const { outcome, output, error, permissionDenials, warnings: ownWarnings, ...rest } = run.result;
  return {
    success: outcome === 'succeeded',
    output,
    exitCode: exitCodeOf(outcome),
    duration: millisecondsBetween(run.acceptedAt, run.endedAt),
    ...(error !== undefined && { error }),
    outcome,
    runId: run.id,
    sessionId: run.sessionId,
    ...traceIdOf(run),
    queuedMs: millisecondsBetween(run.acceptedAt, run.startedAt ?? run.endedAt),
    ...rest,
    permissionDenials,
    warnings: [...warnings, ...ownWarnings],
  };
}
