import { accessSync, constants, readFileSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { didYouMean, KnownNames } from './did-you-mean.ts';

/** A whole number in a range. */
export const integer = (min: number, max: number) => {
  const allowed = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, allowed)
    .transform(Number)
    .pipe(z.number().min(min, allowed).max(max, allowed));
};

/** A path, which becomes absolute. */
export const absolute = z
  .string()
  .min(1, 'a path')
  .transform((value) => path.resolve(value));

/** A path of something that exists. @param what describes it in messages. */
export const existing = (what: string, isThere: (file: string) => boolean) => absolute.refine(isThere, what);

/** One of some words. */
export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `one of ${values.join(', ')}`);

type Schemas = Readonly<Record<string, z.ZodType>>;

/**
 * Reads all settings of a program.
 * @param schemas the allowed values of each; what an issue says completes "it must be".
 * @param names the environment variable of each.
 * @param secret those whose value never appears in a message.
 * @returns the values, and a sentence for each one that is invalid and thus missing in them.
 */
export function readAll<S extends Schemas>(
  schemas: S,
  names: Readonly<Record<keyof S, string>>,
  secret: ReadonlySet<string>,
  env: NodeJS.ProcessEnv,
): { values: { [K in keyof S]: z.output<S[K]> }; mistakes: string[] } {
  const mistakes: string[] = [];
  const values = Object.entries(schemas).map(([key, schema]) => {
    const raw = env[names[key as keyof S]];
    const parsed = schema.safeParse(raw);
    if (parsed.success) return [key, parsed.data];
    const allowed = parsed.error.issues[0]?.message ?? 'valid';
    const shown = secret.has(key) ? `${raw?.length ?? 0} characters (not shown)` : JSON.stringify(raw);
    mistakes.push(`${names[key]} is ${raw === '' ? 'empty' : shown}; it must be ${allowed}.`);
    return [key, undefined];
  });
  return { values: Object.fromEntries(values) as { [K in keyof S]: z.output<S[K]> }, mistakes };
}

/** Says that a program cannot start, and lists all mistakes in its settings. */
export function invalidSettings(program: string, mistakes: readonly string[]): string {
  return `${program} cannot start. Invalid settings (${mistakes.length}):\n  - ${mistakes.join('\n  - ')}`;
}

/** A sentence for each variable that looks like a setting of a program and is none. */
export function unknownNames(
  program: string,
  prefix: string,
  known: readonly string[],
  env: NodeJS.ProcessEnv,
): string[] {
  const names = new KnownNames(known);
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .map((name) => `${name} is not a setting of ${program} and is ignored.${didYouMean(names.nearest(name))}`);
}

export function isFolder(file: string): boolean {
  return statsOf(file)?.isDirectory() ?? false;
}

export function isFile(file: string): boolean {
  return statsOf(file)?.isFile() ?? false;
}

/** Whether this process may execute it. */
export function isExecutable(file: string): boolean {
  return isFile(file) && mayBe(file, constants.X_OK);
}

/** The text of a file; undefined if there is none that this process may read. */
export function textOf(file: string): string | undefined {
  return isFile(file) && mayBe(file, constants.R_OK) ? readFileSync(file, 'utf8') : undefined;
}

/** @param access such as `constants.R_OK`. */
function mayBe(file: string, access: number): boolean {
  try {
    accessSync(file, access);
    return true;
  } catch {
    return false;
  }
}

/** Undefined if nothing exists there, or this process may not access it. */
function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}
