import type { Context } from 'hono';
import { problemOf, type FieldError } from './api/problem.ts';
import { PROBLEMS, type ProblemFacts, type ProblemKind } from './api/problems.ts';

/** What an answer has besides its kind of problem and the detail. */
export interface ProblemExtras {
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers with a problem as `application/problem+json`.
 * @param detail what is wrong here, and what to do.
 */
export function problem(
  c: Context,
  kind: ProblemKind,
  detail: string,
  { errors, headers }: ProblemExtras = {},
): Response {
  const { status, retryAfter }: ProblemFacts = PROBLEMS[kind];
  return c.body(JSON.stringify(problemOf(kind, detail, errors)), status, {
    'Content-Type': 'application/problem+json',
    ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
    ...headers,
  });
}
