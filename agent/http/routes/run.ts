import type { Handler } from 'hono';
import type { RunAnswer } from '../api/run.ts';
import type { CallbackHosts } from '../../callbacks/hosts.ts';
import { exitCodeOf } from '../../runs/outcome.ts';
import { millisecondsBetween, type EndedRun } from '../../runs/run.ts';
import type { RunService } from '../../runs/service.ts';
import { refusalOf, takeRun } from './run-intake.ts';

/** `POST /run`: runs a prompt and answers with what became of it. */
export function runAndWait(service: RunService, workspaceDir: string, callbackHosts: CallbackHosts): Handler {
  return async (c) => {
    const taken = await takeRun(c, { service, workspaceDir, callbackHosts, unknownFields: 'ignored', waits: true });
    if (taken instanceof Response) return taken;
    const { accepted, warnings } = taken;
    const client = c.req.raw.signal;
    if (client.aborted) accepted.abandon();
    else client.addEventListener('abort', () => accepted.abandon());
    try {
      return c.json(answer(await accepted.ended, warnings));
    } catch (error) {
      return refusalOf(c, error);
    }
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
