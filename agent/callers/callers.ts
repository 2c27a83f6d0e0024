import { createHash, timingSafeEqual } from 'node:crypto';
import { OPERATOR, type CallerRight } from '../contract.ts';
import type { CallerSetting } from './rules.ts';

/** Who sends a request. The watchdog has a right of its own. */
export interface Caller {
  readonly name: string;
  readonly may: readonly (CallerRight | 'watchdog')[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A caller, and which of its tokens it used: the older one only while there are two. */
export interface KnownCaller {
  readonly caller: Caller;
  readonly token: 'newer' | 'older';
}

/** Whether a caller may do what one of these rights permits. An admin may do everything. */
export function isAllowed({ may }: Caller, rights: readonly Caller['may'][number][]): boolean {
  return may.includes('admin') || may.some((right) => rights.includes(right));
}

/** Whether a caller sees the runs of all callers. */
export const seesAllRuns = (caller: Caller): boolean => isAllowed(caller, ['read']);

/** The name of a run's caller. Runs without one are the operator's: its token was once the only one. */
export const callerNameOf = (run: { readonly request: { readonly caller?: string } }): string =>
  run.request.caller ?? OPERATOR;

/** What {@link Callers} are made of: SHA-256 in hex of tokens. */
export interface CallerHashes {
  /** One, or two while the API token is rotated, the newer one last. */
  readonly operator: readonly string[];
  readonly watchdog: string | undefined;
  readonly callers: readonly CallerSetting[];
}

/** Recognizes callers by their tokens. */
export class Callers {
  /** The names of all callers that can have runs, the operator first. */
  readonly names: readonly string[];
  readonly #known: readonly (KnownCaller & { readonly hash: Buffer })[];

  constructor({ operator, watchdog, callers }: CallerHashes) {
    const all = [
      { name: OPERATOR, sha256: operator, may: ['admin'] as const, labels: {} },
      ...callers.map((caller) => ({ ...caller, labels: caller.labels ?? {} })),
    ];
    this.names = all.map(({ name }) => name);
    this.#known = [
      ...all,
      ...(watchdog === undefined
        ? []
        : [{ name: 'watchdog', sha256: [watchdog], may: ['watchdog'] as const, labels: {} }]),
    ].flatMap(({ sha256, ...caller }) =>
      sha256.map((hash, at) => ({
        caller,
        token: at === sha256.length - 1 ? ('newer' as const) : ('older' as const),
        hash: Buffer.from(hash, 'hex'),
      })),
    );
  }

  /** The caller with a token, found in constant time; undefined if no caller has it. */
  find(token: string): KnownCaller | undefined {
    const given = createHash('sha256').update(token).digest();
    let found: KnownCaller | undefined;
    for (const each of this.#known) if (timingSafeEqual(each.hash, given)) found ??= each;
    return found;
  }
}
