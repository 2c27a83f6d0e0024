import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** A field of the body that was not accepted. */
export interface FieldError {
  readonly field: string;
  /** What is allowed, and what was given. */
  readonly message: string;
}

/** A refusal, as RFC 9457 has it. */
export interface Problem {
  readonly status: ContentfulStatusCode;
  /** Names the kind of problem for programs: the last part of its `type` URI. */
  readonly kind: string;
  readonly title: string;
  /** What is wrong here, and what to do. */
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Seconds until it makes sense to try again. */
  readonly retryAfter?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers with a problem as `application/problem+json`. It repeats the detail as `error`, which older clients read. */
export function problem(c: Context, { kind, retryAfter, headers, ...rest }: Problem): Response {
  const { status, title, detail } = rest;
  return c.body(
    JSON.stringify({ type: `urn:claude-code-agent:problem:${kind}`, ...rest, error: `${title}: ${detail}` }),
    status,
    {
      'Content-Type': 'application/problem+json',
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...headers,
    },
  );
}
