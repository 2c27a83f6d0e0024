import { setTimeout as sleep } from 'node:timers/promises';

import { readBody } from './body.ts';
import type { Body } from './body.ts';
import { codeOf, isNotArrived, isTimeout } from './causes.ts';

/** A request to the agent, n8n or Teams. */
export interface Request {
  readonly url: URL | string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** For one attempt, in milliseconds. */
  readonly timeoutMs: number;
  /** The most that is read of an answer; the connection is closed after that. */
  readonly maxBytes: number;
  readonly retry: RetryPolicy;
}

/** An answer. A redirect is an answer like any other and is never followed, since every request carries a secret. */
export interface Reply extends Body {
  readonly status: number;
  /** Without parameters, in lower case; empty if there is none. */
  readonly contentType: string;
  /** What a redirect is, with the origin that it leads to: the rest of that URL may be a secret. */
  readonly redirect: string | undefined;
  /** From `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/**
 * Decides whether to send a request again.
 * @param attempts how many were made, and the milliseconds since the first one began.
 * @returns the pause before the next attempt in milliseconds; undefined when the outcome is final.
 */
export type RetryPolicy = (
  outcome: Reply | NoAnswerError,
  attempts: { readonly count: number; readonly elapsedMs: number },
) => number | undefined;

/** There was no answer. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  /** False if the request certainly did not arrive. */
  readonly mayHaveArrived: boolean;
  readonly isTimeout: boolean;

  constructor(message: string, is: { mayHaveArrived: boolean; isTimeout: boolean }, cause: unknown) {
    super(message, { cause });
    this.mayHaveArrived = is.mayHaveArrived;
    this.isTimeout = is.isTimeout;
  }
}

const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 15_000;

/**
 * Retries with growing pauses, and never sooner than `Retry-After` asks, after 429 and 5xx and when the request certainly
 * did not arrive.
 * @param maxElapsedMs no attempt begins later than this after the first one.
 */
export const backoff =
  (maxElapsedMs: number): RetryPolicy =>
  (outcome, { count, elapsedMs }) => {
    const isAnswer = !(outcome instanceof NoAnswerError);
    const isRetryable = isAnswer
      ? outcome.status === 429 || outcome.status >= 500
      : !outcome.mayHaveArrived && codeOf(outcome.cause) !== 'ERR_INVALID_URL';
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), MAX_PAUSE_MS);
    const pauseMs = Math.max(pause, isAnswer ? (outcome.retryAfterMs ?? 0) : 0);
    return isRetryable && elapsedMs + pauseMs <= maxElapsedMs ? pauseMs : undefined;
  };

/**
 * Sends a request, as often as its retry policy says.
 * @returns the last answer, whatever its status.
 * @throws NoAnswerError
 */
export async function send(request: Request): Promise<Reply> {
  const start = performance.now();
  for (let count = 1; ; count++) {
    const outcome = await attempt(request).catch((error: unknown) => {
      if (error instanceof NoAnswerError) return error;
      throw error;
    });
    const pauseMs = request.retry(outcome, { count, elapsedMs: performance.now() - start });
    if (pauseMs !== undefined) await sleep(pauseMs);
    else if (outcome instanceof NoAnswerError) throw outcome;
    else return outcome;
  }
}

async function attempt({ url, method, headers, body, timeoutMs, maxBytes }: Request): Promise<Reply> {
  const content = body === undefined ? undefined : JSON.stringify(body);
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...(content !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(content !== undefined && { body: content }),
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'manual',
    });
    return {
      status: response.status,
      contentType: (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
      redirect: redirectOf(response, url),
      retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
      ...(await readBody(response.body, maxBytes, timeoutMs)),
    };
  } catch (error) {
    if (isTimeout(error)) {
      const is = { mayHaveArrived: true, isTimeout: true };
      throw new NoAnswerError(`no answer within ${timeoutMs / 1000} s`, is, error);
    }
    // A network error of `fetch` is a TypeError with a cause; anything else is a bug of ours.
    if (!(error instanceof TypeError) || error.cause === undefined) throw error;
    throw new NoAnswerError(codeOf(error), { mayHaveArrived: !isNotArrived(error.cause), isTimeout: false }, error);
  }
}

/** Seconds or an HTTP date (RFC 9110). */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function redirectOf({ status, headers }: Response, url: URL | string): string | undefined {
  if (status < 300 || status >= 400) return undefined;
  const location = headers.get('location');
  const isUrl = location !== null && URL.canParse(location, String(url));
  return `HTTP ${status}, a redirect${isUrl ? ` to ${new URL(location, url).origin}` : ''}`;
}
