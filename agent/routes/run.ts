import { Hono, type Context } from 'hono';
import { DrainingError, StorageError } from '../runs/errors.ts';
import { exitCodeOf } from '../runs/outcome.ts';
import { QueueFullError } from '../runs/queue.ts';
import type { EndedRun } from '../runs/run.ts';
import type { RunService } from '../runs/service.ts';
import { jsonBody, parseJsonObject } from './json-body.ts';
import { problem } from './problem.ts';
import { readRunRequest } from './run-request.ts';

const RETRY_AFTER_S = { queueFull: 30, draining: 10, storage: 30 } as const;

/** `POST /run`: runs a prompt and answers with what became of it. */
export function runRoute(service: RunService, workspaceDir: string): Hono {
  const route = new Hono();
  route.post('/', ...jsonBody, async (c) => {
    const body = parseJsonObject(await c.req.arrayBuffer());
    if (typeof body === 'string') {
      return problem(c, { status: 400, kind: 'invalid-json', title: 'Invalid JSON', detail: body });
    }
    const reading = readRunRequest(body, workspaceDir);
    if ('errors' in reading) {
      const detail = reading.errors.map(({ message }) => message).join(' ');
      return problem(c, {
        status: 400,
        kind: 'invalid-request',
        title: 'Invalid request',
        detail,
        errors: reading.errors,
      });
    }
    try {
      const client = c.req.raw.signal;
      client.throwIfAborted();
      const run = service.accept(reading.request);
      client.addEventListener('abort', () => run.abandon());
      return c.json(answer(await run.ended, reading.warnings));
    } catch (error) {
      return refusal(c, error);
    }
  });
  return route;
}

function answer(run: EndedRun, warnings: readonly string[]) {
  const { outcome, output, error, permissionDenials, warnings: ownWarnings, ...rest } = run.result;
  const accepted = Date.parse(run.acceptedAt);
  const ended = Date.parse(run.endedAt);
  return {
    success: outcome === 'succeeded',
    output,
    exitCode: exitCodeOf(outcome),
    duration: ended - accepted,
    ...(error !== undefined && { error }),
    outcome,
    runId: run.id,
    sessionId: run.sessionId,
    queuedMs: (run.startedAt === undefined ? ended : Date.parse(run.startedAt)) - accepted,
    ...rest,
    permissionDenials,
    warnings: [...warnings, ...ownWarnings],
  };
}

function refusal(c: Context, error: unknown): Response {
  if (error instanceof QueueFullError) {
    const detail = `${error.message} Nothing was accepted; try again later.`;
    return problem(c, {
      status: 429,
      kind: 'queue-full',
      title: 'Queue full',
      detail,
      retryAfter: RETRY_AFTER_S.queueFull,
    });
  }
  if (error instanceof DrainingError) {
    return problem(c, {
      status: 503,
      kind: 'draining',
      title: 'Shutting down',
      detail: error.message,
      retryAfter: RETRY_AFTER_S.draining,
      headers: { Connection: 'close' },
    });
  }
  if (error instanceof StorageError) {
    const { message: detail } = error;
    return problem(c, {
      status: 503,
      kind: 'storage',
      title: 'Storage fails',
      detail,
      retryAfter: RETRY_AFTER_S.storage,
    });
  }
  throw error;
}
