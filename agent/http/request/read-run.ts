import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { OPERATOR } from '../../contract.ts';
import type { Idempotency, RunRequest } from '../../store/run.ts';
import { traceContextIn, type TraceHeaders } from '../../tracing/trace.ts';
import type { FieldError } from '../api/problem.ts';
import { idempotencyKey } from '../api/run-request.ts';
import { callerOf } from '../bearer.ts';
import { ProblemError } from '../problem.ts';
import { isMultipart, parseJsonObject } from './json-body.ts';
import { readMultipart } from './multipart.ts';
import { storeAsked, type FilePart, type RequestSource } from './request-files.ts';
import { checkRunRequest, type RunRequestRules } from './run-request.ts';

/** The parsed and checked request of a run. Disposing releases its files: its record must name them by then. */
export interface ReadRun extends Disposable {
  readonly request: RunRequest;
  readonly idempotency: Idempotency | undefined;
  readonly warnings: readonly string[];
}

/** Who sent the request of a run, and what came with it. */
interface RunSource extends RequestSource {
  /** The idempotency key, not checked yet. */
  readonly key?: unknown;
  readonly traceHeaders: TraceHeaders;
}

/**
 * Parses and checks the request of a run, and stores its files.
 * @throws {ProblemError | FileTooLargeError | FilesFullError} for an invalid request.
 * @throws {WorkspaceUnusableError} if there is no workspace to run in.
 */
export async function readRun(c: Context, rules: RunRequestRules): Promise<ReadRun> {
  const contentType = c.req.header('Content-Type');
  if (!isMultipart(contentType)) return readRunFrom(bodyIn(await c.req.arrayBuffer()), sourceOf(c, []), rules);
  const { incoming } = c.env as { incoming: IncomingMessage };
  const { request, parts, release } = await readMultipart(incoming, contentType, rules.files);
  try {
    return await readRunFrom(bodyIn(request.buffer), sourceOf(c, parts), rules);
  } finally {
    release();
  }
}

function bodyIn(json: ArrayBuffer): Record<string, unknown> {
  const body = parseJsonObject(json);
  if (typeof body === 'string') throw new ProblemError('invalid-json', body);
  return body;
}

function sourceOf(c: Context, parts: readonly FilePart[]): RunSource {
  return { caller: callerOf(c).name, key: c.req.header('Idempotency-Key'), parts, traceHeaders: traceHeadersIn(c) };
}

/** The headers of a request that name its trace. */
export function traceHeadersIn(c: Context): TraceHeaders {
  return { traceparent: c.req.header('traceparent'), tracestate: c.req.header('tracestate') };
}

/** The same for a request that is parsed already. */
export async function readRunFrom(
  body: Record<string, unknown>,
  { caller: name, key, parts, traceHeaders }: RunSource,
  rules: RunRequestRules,
): Promise<ReadRun> {
  const checkedKey = idempotencyKey.optional().safeParse(key);
  if (!checkedKey.success) {
    throw new ProblemError(
      'invalid-idempotency-key',
      'The Idempotency-Key must have 1 to 255 visible ASCII characters.',
    );
  }
  rules.workspace.ensure();
  const checked = await checkRunRequest(body, { caller: name, parts }, rules);
  if ('errors' in checked) throw invalid(checked.errors);
  const { files, errors, release } = await storeAsked(checked.files, rules.files);
  if (errors.length > 0) {
    release();
    throw invalid(errors);
  }
  const request = { ...checked.request, ...(files.length > 0 && { files }) };
  const context = traceContextIn(traceHeaders);
  const trace = rules.tracing?.traceFor(context.trace) ?? context.trace;
  const caller = name === OPERATOR ? undefined : name;
  return {
    request: { ...request, ...(trace && { trace }) },
    warnings: [...checked.warnings, ...context.warnings],
    idempotency:
      checkedKey.data === undefined ? undefined : { key: checkedKey.data, caller, requestHash: hashOf(request) },
    [Symbol.dispose]: release,
  };
}

function invalid(errors: readonly FieldError[]): ProblemError {
  return new ProblemError('invalid-request', errors.map(({ message }) => message).join(' '), { errors });
}

/** Equal for equal requests, whatever the order of their fields, and however the contents of their files came. */
function hashOf({ files, ...request }: RunRequest): string {
  const contents = files?.map(({ name, sha256, inline }) => ({ name, sha256, inline }));
  const sorted = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return createHash('sha256')
    .update(JSON.stringify({ ...request, files: contents }, sorted))
    .digest('hex');
}
