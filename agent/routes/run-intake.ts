import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import type { CallbackHosts } from '../callbacks/hosts.ts';
import { DrainingError, IdempotencyError, PausedError, StorageError } from '../runs/errors.ts';
import { QueueFullError } from '../runs/queue.ts';
import type { Idempotency } from '../runs/run.ts';
import type { AcceptedRun, RunService } from '../runs/service.ts';
import { parseJsonObject } from './json-body.ts';
import { problem } from './problem.ts';
import { readRunRequest } from './run-request.ts';
import { nextTurn } from './turn.ts';

const RETRY_AFTER_S = { queueFull: 30, draining: 10, paused: 60, storage: 30 } as const;
const KEY = /^[\x21-\x7e]{1,255}$/;

/** How one of the two ways to send a run takes it. */
export interface Intake {
  readonly service: RunService;
  readonly workspaceDir: string;
  readonly callbackHosts: CallbackHosts;
  readonly unknownFields: 'ignored' | 'refused';
  /** Whether the client waits for the end of the run. */
  readonly waits: boolean;
}

/** Reads a run's request and puts it in the queue, or answers why not. */
export async function takeRun(
  c: Context,
  { service, workspaceDir, callbackHosts, unknownFields, waits }: Intake,
): Promise<{ accepted: AcceptedRun; warnings: readonly string[] } | Response> {
  const bytes = await c.req.arrayBuffer();
  await nextTurn();
  const body = parseJsonObject(bytes);
  if (typeof body === 'string') {
    return problem(c, { status: 400, kind: 'invalid-json', title: 'Invalid JSON', detail: body });
  }
  const key = c.req.header('Idempotency-Key');
  if (key !== undefined && !KEY.test(key)) {
    return problem(c, {
      status: 400,
      kind: 'invalid-idempotency-key',
      title: 'Invalid Idempotency-Key',
      detail: 'An Idempotency-Key has 1 to 255 visible ASCII characters.',
    });
  }
  const reading = readRunRequest(body, workspaceDir, callbackHosts, unknownFields);
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
  const { request, warnings } = reading;
  const idempotency: Idempotency | undefined = key === undefined ? undefined : { key, requestHash: hashOf(request) };
  try {
    return { accepted: service.accept(request, waits, idempotency), warnings };
  } catch (error) {
    return refusalOf(c, error);
  }
}

/** Answers a client whose run was not accepted or did not begin. Other errors are thrown on. */
export function refusalOf(c: Context, error: unknown): Response {
  if (error instanceof IdempotencyError) {
    return problem(c, {
      status: 422,
      kind: 'idempotency-key-reused',
      title: 'Idempotency-Key used before',
      detail: error.message,
    });
  }
  if (error instanceof QueueFullError) {
    return problem(c, {
      status: 429,
      kind: 'queue-full',
      title: 'Queue full',
      detail: `${error.message} Nothing was accepted; try again later.`,
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
  if (error instanceof PausedError) {
    const { message: detail } = error;
    return problem(c, { status: 503, kind: 'paused', title: 'Paused', detail, retryAfter: RETRY_AFTER_S.paused });
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

/** Equal for requests that mean the same, whatever the order of their fields. */
function hashOf(request: object): string {
  const sorted = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return createHash('sha256').update(JSON.stringify(request, sorted)).digest('hex');
}
