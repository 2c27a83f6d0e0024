import type { FieldError } from '../api/problem.ts';
import { MOST_ENTRIES, OUTPUT_SCHEMA } from '../api/run-request.ts';
import { isDeeperThan } from '../../claude/bounded.ts';
import { RUN_LIMITS } from '../../contract.ts';

const NAMED = 10;

/**
 * Finds fields that are too large to be checked in detail, which would take long: a body of one mebibyte has room for half
 * a million entries or levels.
 */
export function sizeErrors(body: Readonly<Record<string, unknown>>): FieldError[] {
  const deep = Object.keys(body)
    .filter((field) => isDeeperThan(RUN_LIMITS.nesting, body[field]))
    .slice(0, NAMED)
    .map((field) => errorOf(field, `nested at most ${RUN_LIMITS.nesting} levels deep; it is nested deeper`));
  if (deep.length > 0) return deep;
  const many = Object.entries(MOST_ENTRIES).flatMap(([field, { most, allowed }]) => {
    const entries = entriesOf(body[field]);
    return entries > most ? [errorOf(field, `${allowed}; it has ${entries}`)] : [];
  });
  const { outputSchema } = body;
  const bytes = outputSchema === undefined ? 0 : Buffer.byteLength(JSON.stringify(outputSchema));
  return bytes > RUN_LIMITS.schemaBytes
    ? [...many, errorOf('outputSchema', `${OUTPUT_SCHEMA}; it has ${bytes} bytes`)]
    : many;
}

const errorOf = (field: string, what: string): FieldError => ({
  field: field.slice(0, 100),
  message: `\`${field.slice(0, 100)}\` must be ${what}.`,
});

const entriesOf = (value: unknown) => (typeof value === 'object' && value !== null ? Object.keys(value).length : 0);
