import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { RUN_LIMITS } from '../../contract.ts';
import { FileTooLargeError } from '../../files/errors.ts';
import type { FileStore } from '../../files/file-store.ts';
import { problem, ProblemError } from '../problem.ts';

/**
 * Refuses larger bodies before they are read. A declared length is sufficient: the HTTP parser reads no more than that.
 * Counting would turn the body into a web stream, which takes half a millisecond.
 */
export function bodyWithin(bytes: number, refuse: (c: Context) => Response | Promise<Response>): MiddlewareHandler {
  const countedBody = bodyLimit({ maxSize: bytes, onError: refuse });
  return (c, next) => {
    const declared = c.req.header('Transfer-Encoding') === undefined ? c.req.header('Content-Length') : undefined;
    return Number(declared) <= bytes ? next() : countedBody(c, next);
  };
}

/** For JSON larger than {@link RUN_LIMITS} allows. */
export function tooLarge(): ProblemError {
  return new ProblemError(
    'body-too-large',
    `The JSON may have at most ${RUN_LIMITS.bodyBytes} bytes. Send files with PUT /files or as parts of multipart/form-data.`,
    { headers: { Connection: 'close' } },
  );
}

/** Refuses bodies larger than {@link RUN_LIMITS} allows. */
export const smallBody = bodyWithin(RUN_LIMITS.bodyBytes, (c) => {
  const { kind, message, extras } = tooLarge();
  return problem(c, kind, message, extras);
});

/** Refuses bodies that are not JSON according to their headers, or too large. */
export const jsonBody: MiddlewareHandler = async (c, next) => notJson(c) ?? smallBody(c, next);

const MULTIPART = /^multipart\/form-data\s*;/i;
/** What a multipart body may have besides its files: the JSON, and the headers of the parts. */
const BESIDE_FILES_BYTES = 2 * RUN_LIMITS.bodyBytes;

/** Whether a body is `multipart/form-data`, according to its `Content-Type`. */
export const isMultipart = (contentType: string | undefined): contentType is string =>
  contentType !== undefined && MULTIPART.test(contentType);

/** The same for the request of a run, which may also be `multipart/form-data` with files. */
export const runBody =
  ({ sizes }: Pick<FileStore, 'sizes'>): MiddlewareHandler =>
  async (c, next) => {
    if (!isMultipart(c.req.header('Content-Type')) || encodingOf(c) !== 'identity') return jsonBody(c, next);
    if (Number(c.req.header('Content-Length') ?? 0) > sizes.runBytes + BESIDE_FILES_BYTES) {
      throw new FileTooLargeError(sizes);
    }
    return next();
  };

const encodingOf = (c: Context) => c.req.header('Content-Encoding')?.toLowerCase() ?? 'identity';

/** The response to a body that is not JSON according to its headers. */
function notJson(c: Context): Response | undefined {
  const type = c.req.header('Content-Type');
  const encoding = encodingOf(c);
  const isJson = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type ?? '');
  if (isJson && encoding === 'identity') return undefined;
  const given = isJson ? `Content-Encoding is ${encoding}` : `Content-Type is ${type ?? 'missing'}`;
  return problem(
    c,
    'unsupported-media-type',
    `${given}. Send uncompressed JSON in UTF-8 with \`Content-Type: application/json\`.`,
  );
}

/**
 * Reads JSON from a body.
 * @returns the value, or an error message.
 */
export function parseJson(body: ArrayBuffer): { readonly value: unknown } | string {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
  } catch (error) {
    if (body.byteLength === 0) return 'The body is empty. Send a JSON object.';
    return error instanceof SyntaxError ? `The body is not valid JSON: ${error.message}.` : 'The body is not UTF-8.';
  }
}

/**
 * Reads a JSON object from a body.
 * @returns the object, or an error message.
 */
export function parseJsonObject(body: ArrayBuffer): Record<string, unknown> | string {
  const parsed = parseJson(body);
  if (typeof parsed === 'string') return parsed;
  const { value } = parsed;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return `The body must be a JSON object; it is ${Array.isArray(value) ? 'an array' : describe(value)}.`;
}

/** A value for a message: its type, and the value itself if it is short and plain. */
export function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'string') return value.length <= 100 ? `the string ${JSON.stringify(value)}` : 'a long string';
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'number' ? `the number ${value}` : `the ${typeof value} ${JSON.stringify(value)}`;
}

/** A copy without undefined values, for `exactOptionalPropertyTypes`. */
export function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
