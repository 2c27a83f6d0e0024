import type { Context } from 'hono';
import { problemOf, type FieldError } from './api/problem.ts';
import { PROBLEMS, type ProblemFacts, type ProblemKind } from './api/problems.ts';

/** What a response has besides its kind of problem and the detail. */
export interface ProblemExtras {
  readonly errors?: readonly FieldError[];
  /** ISO 8601. */
  readonly resetsAt?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown for a request that gets a problem as its response; the message is its detail. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly kind: ProblemKind;
  readonly extras: ProblemExtras;

  constructor(kind: ProblemKind, detail: string, extras: ProblemExtras = {}) {
    super(detail);
    this.kind = kind;
    this.extras = extras;
  }
}

/**
 * Responds with a problem as `application/problem+json`.
 * @param detail what is wrong, and what to do.
 */
export function problem(
  c: Context,
  kind: ProblemKind,
  detail: string,
  { headers, ...members }: ProblemExtras = {},
): Response {
  const { status, retryAfter }: ProblemFacts = PROBLEMS[kind];
  return c.body(JSON.stringify(problemOf(kind, detail, members)), status, {
    'Content-Type': 'application/problem+json',
    ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
    ...headers,
  });
}
