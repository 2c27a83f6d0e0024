import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { idempotencyKey } from '../api/run-request.ts';
import type { CallbackHosts } from '../../callbacks/hosts.ts';
import {
  DrainingError,
  IdempotencyError,
  PausedError,
  StorageError,
  WorkspaceFullError,
  WorkspaceUnusableError,
} from '../../runs/errors.ts';
import { QueueFullError } from '../../runs/queue.ts';
import type { Idempotency } from '../../runs/run.ts';
import type { AcceptedRun, RunService } from '../../runs/service.ts';
import { parseJsonObject } from '../json-body.ts';
import { problem } from '../problem.ts';
import { readRunRequest } from './run-request.ts';

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
  const body = parseJsonObject(bytes);
  if (typeof body === 'string') return problem(c, 'invalid-json', body);
  const key = c.req.header('Idempotency-Key');
  if (key !== undefined && !idempotencyKey.safeParse(key).success) {
    return problem(c, 'invalid-idempotency-key', 'An Idempotency-Key has 1 to 255 visible ASCII characters.');
  }
  let runDir: string;
  try {
    runDir = service.runDir();
  } catch (error) {
    return refusalOf(c, error);
  }
  const reading = await readRunRequest(body, workspaceDir, callbackHosts, unknownFields, runDir);
  if ('errors' in reading) {
    const { errors } = reading;
    return problem(c, 'invalid-request', errors.map(({ message }) => message).join(' '), { errors });
  }
  const { request, warnings } = reading;
  const idempotency: Idempotency | undefined = key === undefined ? undefined : { key, requestHash: hashOf(request) };
  try {
    return { accepted: await service.accept(request, waits, idempotency), warnings };
  } catch (error) {
    return refusalOf(c, error);
  }
}

/** Answers a client whose run was not accepted or did not begin. Other errors are thrown on. */
export function refusalOf(c: Context, error: unknown): Response {
  if (error instanceof IdempotencyError) return problem(c, 'idempotency-key-reused', error.message);
  if (error instanceof QueueFullError) {
    return problem(c, 'queue-full', `${error.message} Nothing was accepted; try again later.`);
  }
  if (error instanceof DrainingError) {
    return problem(c, 'draining', error.message, { headers: { Connection: 'close' } });
  }
  if (error instanceof PausedError) return problem(c, 'paused', error.message);
  if (error instanceof WorkspaceFullError) return problem(c, 'workspace-full', error.message);
  if (error instanceof WorkspaceUnusableError) {
    return problem(c, 'workspace-unusable', `${error.message} The run was not accepted.`);
  }
  if (error instanceof StorageError) return problem(c, 'storage', error.message);
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
