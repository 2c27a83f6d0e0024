import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { RUN_LIMITS } from '../../contract.ts';
import { problem } from '../problem.ts';

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

/** Refuses bodies larger than {@link RUN_LIMITS} allows. */
export const smallBody = bodyWithin(RUN_LIMITS.bodyBytes, (c) =>
  problem(
    c,
    'body-too-large',
    `The body may have at most ${RUN_LIMITS.bodyBytes} bytes. Put large files in the workspace and name them in the prompt.`,
    { headers: { Connection: 'close' } },
  ),
);

/** Refuses bodies that are not JSON according to their headers, or too large. */
export const jsonBody = [
  createMiddleware(async (c, next) => {
    const type = c.req.header('Content-Type');
    const encoding = c.req.header('Content-Encoding')?.toLowerCase() ?? 'identity';
    const isJson = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type ?? '');
    if (isJson && encoding === 'identity') return next();
    const given = isJson ? `Content-Encoding is ${encoding}` : `Content-Type is ${type ?? 'missing'}`;
    return problem(
      c,
      'unsupported-media-type',
      `${given}. Send uncompressed JSON in UTF-8 with \`Content-Type: application/json\`.`,
    );
  }),
  smallBody,
] as const;

/**
 * Reads a JSON object from a body.
 * @returns the object, or an error message.
 */
export function parseJsonObject(body: ArrayBuffer): Record<string, unknown> | string {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    if (body.byteLength === 0) return 'The body is empty. Send a JSON object.';
    return error instanceof SyntaxError ? `The body is not valid JSON: ${error.message}.` : 'The body is not UTF-8.';
  }
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
