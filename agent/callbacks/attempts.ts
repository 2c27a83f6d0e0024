import type { Callback } from '../store/run.ts';

/** What became of one attempt: the receiver's answer, or why there was none. */
export type Attempt = { readonly status: number; readonly retryAfter: string | undefined } | { readonly error: string };

/** Milliseconds. n8n answers 409 until a workflow has come to its Wait node, so the first attempts come soon. */
export const FIRST_DELAY_MS = 1000;
export const MAX_DELAY_MS = 15 * 60_000;
export const MAX_RETRY_AFTER_MS = 60 * 60_000;
const GONE = 410;

/**
 * A callback after an attempt. Any 2xx delivers it; 410 ends it at once; anything else is tried again, each time after
 * twice as long (and up to a half more or less of it by chance), at the least after the receiver's `Retry-After`, until
 * the time is up, with a last attempt at that moment.
 * @param now milliseconds since 1970, as is `giveUpAt`.
 */
export function afterAttempt(callback: Callback, attempt: Attempt, now: number, giveUpAt: number): Callback {
  const { host } = callback;
  const attempts = callback.attempts + 1;
  const at = new Date(now).toISOString();
  const said = 'status' in attempt ? { lastStatus: attempt.status } : { lastError: attempt.error };
  const base = { host, attempts, lastAttemptAt: at, ...said };
  const status = 'status' in attempt ? attempt.status : undefined;
  if (status !== undefined && status >= 200 && status < 300) return { ...base, state: 'delivered', deliveredAt: at };
  if (status === GONE || now >= giveUpAt) return { ...base, state: 'given_up', givenUpAt: at };
  const retryAfter = 'status' in attempt ? retryAfterMs(attempt.retryAfter, now) : 0;
  const next = Math.min(now + Math.max(delayAfter(attempts), retryAfter), giveUpAt);
  return { ...base, state: 'pending', nextAttemptAt: new Date(next).toISOString() };
}

function delayAfter(attempts: number): number {
  return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1)) * (0.5 + Math.random());
}

/** `Retry-After` is a number of seconds or a date. */
function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? 0 : Math.min(MAX_RETRY_AFTER_MS, ms);
}
