import { setTimeout as sleep } from 'node:timers/promises';

/** A request that may be sent more than once. */
export interface Call {
  readonly url: URL | string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** For one answer, in milliseconds. */
  readonly timeoutMs: number;
  /** No further attempt begins later than this after the first one, in milliseconds. */
  readonly patienceMs: number;
}

/** What came back. */
export interface Reply {
  readonly status: number;
  readonly text: string;
}

/** There was no answer. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  /** False where the request certainly did not arrive. */
  readonly mayHaveArrived: boolean;

  constructor(message: string, mayHaveArrived: boolean, cause: unknown) {
    super(message, { cause });
    this.mayHaveArrived = mayHaveArrived;
  }
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Sends a request, and again with growing pauses after 429 and 5xx (as `Retry-After` asks, where it does) and where
 * nobody was there. Not again where it may have arrived: that is the caller's to decide.
 * @returns the last answer, whatever its status.
 * @throws NoAnswerError
 */
export async function send(call: Call): Promise<Reply> {
  const end = Date.now() + call.patienceMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const outcome = await attempt(call);
    const [isFinal, asked] =
      outcome instanceof NoAnswerError
        ? [outcome.mayHaveArrived, undefined]
        : [outcome.reply.status !== 429 && outcome.reply.status < 500, outcome.retryAfterMs];
    const wait = asked ?? pause;
    if (!isFinal && Date.now() + wait <= end) {
      await sleep(wait);
      continue;
    }
    if (outcome instanceof NoAnswerError) throw outcome;
    return outcome.reply;
  }
}

async function attempt({ url, method, headers, body, timeoutMs }: Call) {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    });
    const reply: Reply = { status: response.status, text: await response.text() };
    return { reply, retryAfterMs: retryAfterMs(response.headers.get('retry-after')) };
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      return new NoAnswerError(`no answer within ${timeoutMs / 1000} s`, true, error);
    }
    const code = codeOf(error);
    return new NoAnswerError(code, !NOT_ARRIVED.has(code), error);
  }
}

/** What `connect` and the resolver fail with, before anything is sent. */
const NOT_ARRIVED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
]);

/** `fetch` says "fetch failed"; the code of the system call is in the cause, or for a name with many addresses below it. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return cause instanceof Error ? cause.message : error.message;
}

/** Seconds or an HTTP date (RFC 9110). */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** JSON, or undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
