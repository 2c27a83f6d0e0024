import type { Callback } from '../store/run.ts';

/** The result of one attempt: the receiver's response, or why there was none. */
export type Attempt = { readonly status: number; readonly retryAfter: string | undefined } | { readonly error: string };

/** Milliseconds. n8n responds with 409 until a workflow has reached its Wait node, so the first retries are early. */
export const FIRST_DELAY_MS = 1000;
export const MAX_DELAY_MS = 15 * 60_000;
export const MAX_RETRY_AFTER_MS = 60 * 60_000;
const GONE = 410;

/**
 * The state of a callback after an attempt. Any 2xx delivers it, and 410 ends it at once. Anything else is retried with
 * exponential back-off (with up to 50 % of jitter), but not before the receiver's `Retry-After`, until the time is up, with
 * a last attempt at that moment.
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
