import type { TestOptions } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why a test is skipped, and what to install. */
    skipped?: string;
  }
}

/**
 * Options of a test or a suite that needs something that may be missing. Skipped tests are listed with their
 * reasons at the end of the run; see `skips.ts`.
 * @param missing Why it can't run here, in a sentence; undefined runs it.
 */
export const needs = (missing: string | undefined): TestOptions =>
  missing === undefined ? {} : { skip: true, meta: { skipped: missing } };

/** For {@link needs}: the reason, unless the condition holds. */
export const unless = (condition: boolean, reason: string): string | undefined => (condition ? undefined : reason);
