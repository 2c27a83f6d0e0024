import type { Handler } from 'hono';
import type { RunAnswer } from '../api/run.ts';
import { exitCodeOf } from '../../runs/outcome.ts';
import { millisecondsBetween, type EndedRun } from '../../store/run.ts';
import type { RunService } from '../../runs/service.ts';
import { readRun } from '../request/read-run.ts';
import type { RunRequestRules } from '../request/run-request.ts';

/** `POST /run`: runs a prompt and responds with the result. */
export function runAndWait(service: RunService, rules: Omit<RunRequestRules, 'unknownFields' | 'waits'>): Handler {
  return async (c) => {
    const { request, idempotency, warnings } = await readRun(c, { ...rules, unknownFields: 'ignored', waits: true });
    const accepted = await service.accept(request, true, idempotency);
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
    queuedMs: millisecondsBetween(run.acceptedAt, run.startedAt ?? run.endedAt),
    ...rest,
    permissionDenials,
    warnings: [...warnings, ...ownWarnings],
  };
}
