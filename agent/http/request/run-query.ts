import type { z } from 'zod';
import type { FieldError } from '../api/problem.ts';
import { runQuery } from '../api/run-query.ts';
import { didYouMean, KnownNames } from '../../did-you-mean.ts';
import type { RunFilter } from '../../store/run.ts';
import { ProblemError } from '../problem.ts';
import { describe, withoutUndefined } from './json-body.ts';

/** The only parameter that may be repeated. */
const REPEATED = 'label';
const NAMED = 10;

const parameters = Object.keys(runQuery.shape);
const known = new KnownNames(parameters);

/**
 * Parses the query of `GET /runs`.
 * @throws {ProblemError} with all errors at once.
 */
export function runFilterIn(query: URLSearchParams): RunFilter {
  const given = [...new Set(query.keys())].map((name) => [name, query.getAll(name)] as const);
  const unknown = given.filter(([name]) => !parameters.includes(name));
  const twice = given.filter(([name, values]) => parameters.includes(name) && name !== REPEATED && values.length > 1);
  const values = given.map(([name, all]) => [name, name === REPEATED ? all : all[0]] as const);
  const parsed = runQuery.strip().safeParse(Object.fromEntries(values));
  const errors = [
    ...unknown.slice(0, NAMED).map(([name]) => unknownParameter(name.slice(0, 100))),
    ...twice.map(([field]) => ({ field, message: `\`${field}\` may be given only once.` })),
    ...(parsed.error?.issues ?? []).map((issue) => wrongParameter(issue, query)),
  ];
  if (parsed.success && errors.length === 0) return filterOf(parsed.data);
  throw new ProblemError('invalid-query', errors.map(({ message }) => message).join(' '), { errors });
}

function filterOf({ cursor, label, since, until, ...rest }: z.output<typeof runQuery>): RunFilter {
  return {
    ...withoutUndefined(rest),
    limit: rest.limit,
    ...(cursor !== undefined && { before: cursor }),
    ...(label !== undefined && { labels: label.map(splitLabel) }),
    ...(since !== undefined && { since: new Date(since).toISOString() }),
    ...(until !== undefined && { until: new Date(until).toISOString() }),
  };
}

function splitLabel(label: string): [string, string] {
  const at = label.indexOf(':');
  return [label.slice(0, at), label.slice(at + 1)];
}

function unknownParameter(field: string): FieldError {
  const allowed = parameters.map((name) => `\`${name}\``).join(', ');
  const meant = didYouMean(known.nearest(field));
  return { field, message: `\`${field}\` is not a parameter. Available: ${allowed}.${meant}` };
}

function wrongParameter({ path: [name, at], message }: z.core.$ZodIssue, query: URLSearchParams): FieldError {
  const field = String(name);
  if (field === REPEATED && at === undefined) return { field, message: `\`${field}\` must be ${message}.` };
  const value = query.getAll(field)[typeof at === 'number' ? at : 0];
  return { field, message: `\`${field}\` must be ${message}; it is ${describe(value)}.` };
}
