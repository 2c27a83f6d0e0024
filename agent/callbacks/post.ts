import { request as overHttp, type IncomingMessage } from 'node:http';
import { request as overHttps } from 'node:https';
import { allowedAddresses } from './address.ts';
import type { CallbackTarget } from './hosts.ts';
import type { Message } from './message.ts';

/** The response of a receiver. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** How much of the response body is read before the connection is closed. Its content is not used. */
const MAX_ANSWER_BYTES = 65_536;

/**
 * Sends a message to a target by POST, on a new connection. Follows no redirects and uses no proxy, because the agent could
 * not check the address that a proxy connects to.
 * @param signal aborts the attempt.
 * @returns as soon as the headers of the response have arrived; its body does not matter.
 * @throws if there is no response: the network error, an `AddressError`, or the reason of `signal`.
 */
export function post(target: CallbackTarget, { headers, body }: Message, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { protocol, hostname, port, host, path } = target;
  const send = protocol === 'https:' ? overHttps : overHttp;
  const request = send({
    method: 'POST',
    hostname,
    port,
    path,
    headers: { ...headers, Host: host, 'Content-Length': String(body.length) },
    lookup: allowedAddresses(target),
    agent: false,
  });
  const end = () => request.destroy(signal.reason as Error);
  signal.addEventListener('abort', end);
  let answer: Answer | undefined;
  request.on('response', (response) => {
    answer = { status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] };
    discard(response);
  });
  let failure = new Error('The connection was closed without an answer.');
  request.on('error', (error) => (failure = error));
  request.on('close', () => {
    signal.removeEventListener('abort', end);
    if (answer) resolve(answer);
    else reject(failure);
  });
  request.end(body);
  return promise;
}

function discard(response: IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => undefined);
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) response.destroy();
  });
}

/** Why there is no response, in words. If every address of a host fails, the error is an aggregate without a message. */
export function reasonOf(error: unknown): string {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ');
}
