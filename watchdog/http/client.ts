import { setTimeout as sleep } from 'node:timers/promises';

import { readBody } from './body.ts';
import type { Body } from './body.ts';
import { codeOf, isNotArrived, isTimeout } from './causes.ts';

/** A request. */
export interface Request {
  readonly url: URL | string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** For one answer, in milliseconds. */
  readonly timeoutMs: number;
  /** No more of an answer is read than this; its connection is closed then. */
  readonly maxBytes: number;
}

/** A request that may be sent more than once. */
export interface Call extends Request {
  /** No further attempt begins later than this after the first one, in milliseconds. */
  readonly patienceMs: number;
}

/** What came back. A redirect is an answer like any other, and never followed: the request carries a secret. */
export interface Reply extends Body {
  readonly status: number;
  /** Without parameters, in lower case; empty where there is none. */
  readonly contentType: string;
  /** Origin of where a redirect leads to. The rest of the address may be a secret. */
  readonly redirectsTo: string | undefined;
  /** How long to wait before another attempt, as the answer asks for it, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** There was no answer. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  /** False where the request certainly did not arrive. */
  readonly mayHaveArrived: boolean;
  /** Whether it took longer than the request allows. */
  readonly isLate: boolean;

  constructor(message: string, is: { mayHaveArrived: boolean; isLate: boolean }, cause: unknown) {
    super(message, { cause });
    this.mayHaveArrived = is.mayHaveArrived;
    this.isLate = is.isLate;
  }
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Sends a request, and again with growing pauses (never shorter than `Retry-After` asks) after 429 and 5xx and where
 * nobody was there. Not again where it may have arrived: that is the caller's to decide.
 * @returns the last answer, whatever its status.
 * @throws NoAnswerError
 */
export async function send(call: Call): Promise<Reply> {
  const end = performance.now() + call.patienceMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const outcome = await ask(call).catch(noAnswer);
    const isFinal =
      outcome instanceof NoAnswerError ? outcome.mayHaveArrived : outcome.status !== 429 && outcome.status < 500;
    const wait = Math.max(pause, outcome instanceof NoAnswerError ? 0 : (outcome.retryAfterMs ?? 0));
    if (!isFinal && performance.now() + wait <= end) {
      await sleep(wait);
      continue;
    }
    if (outcome instanceof NoAnswerError) throw outcome;
    return outcome;
  }
}

function noAnswer(error: unknown): NoAnswerError {
  if (error instanceof NoAnswerError) return error;
  throw error;
}

/**
 * Sends a request once.
 * @throws NoAnswerError
 */
export async function ask({ url, method, headers, body, timeoutMs, maxBytes }: Request): Promise<Reply> {
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
      redirectsTo: originOf(response.headers.get('location'), url),
      retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
      ...(await readBody(response.body, maxBytes, timeoutMs)),
    };
  } catch (error) {
    if (isTimeout(error)) {
      const is = { mayHaveArrived: true, isLate: true };
      throw new NoAnswerError(`no answer within ${timeoutMs / 1000} s`, is, error);
    }
    // What `fetch` fails with on the way has the reason as its cause; anything else is no answer of anybody.
    if (!(error instanceof TypeError) || error.cause === undefined) throw error;
    throw new NoAnswerError(codeOf(error), { mayHaveArrived: !isNotArrived(error.cause), isLate: false }, error);
  }
}

/** Seconds or an HTTP date (RFC 9110). */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function originOf(location: string | null, url: URL | string): string | undefined {
  if (location === null || !URL.canParse(location, String(url))) return undefined;
  return new URL(location, url).origin;
}
