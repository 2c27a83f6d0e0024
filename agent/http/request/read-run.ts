import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { OPERATOR } from '../../contract.ts';
import type { Idempotency, RunRequest } from '../../store/run.ts';
import { idempotencyKey } from '../api/run-request.ts';
import { callerOf } from '../bearer.ts';
import { ProblemError } from '../problem.ts';
import { parseJsonObject } from './json-body.ts';
import { checkRunRequest, type RunRequestRules } from './run-request.ts';

/** The parsed and checked request of a run. */
export interface ReadRun {
  readonly request: RunRequest;
  readonly idempotency: Idempotency | undefined;
  readonly warnings: readonly string[];
}

/**
 * Parses and checks the request of a run.
 * @throws {ProblemError} for an invalid request.
 * @throws {WorkspaceUnusableError} if there is no workspace to run in.
 */
export async function readRun(c: Context, rules: RunRequestRules): Promise<ReadRun> {
  const body = parseJsonObject(await c.req.arrayBuffer());
  if (typeof body === 'string') throw new ProblemError('invalid-json', body);
  const key = c.req.header('Idempotency-Key');
  if (key !== undefined && !idempotencyKey.safeParse(key).success) {
    throw new ProblemError(
      'invalid-idempotency-key',
      'The Idempotency-Key must have 1 to 255 visible ASCII characters.',
    );
  }
  rules.workspace.ensure();
  const checked = await checkRunRequest(body, rules);
  if ('errors' in checked) {
    const { errors } = checked;
    throw new ProblemError('invalid-request', errors.map(({ message }) => message).join(' '), { errors });
  }
  const { request, warnings } = checked;
  const { name } = callerOf(c);
  const caller = name === OPERATOR ? undefined : name;
  const idempotency = key === undefined ? undefined : { key, caller, requestHash: hashOf(request) };
  return { request, warnings, idempotency };
}

/** Equal for equal requests, whatever the order of their fields. */
function hashOf(request: object): string {
  const sorted = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return createHash('sha256').update(JSON.stringify(request, sorted)).digest('hex');
}
