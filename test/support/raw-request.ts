import { once } from 'node:events';
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as secureRequest } from 'node:https';
import { text } from 'node:stream/consumers';

/** The response to {@link rawRequest}. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/**
 * Sends a request with any headers, including those that `fetch` does not let you set (`Host`, `Origin`).
 * @param body if omitted, only the headers are sent, even if they declare a length.
 * @param localAddress the address of this machine that it comes from.
 */
export async function rawRequest(
  url: string,
  {
    method = 'GET',
    headers = {},
    body,
    localAddress,
  }: { method?: string; headers?: OutgoingHttpHeaders; body?: string; localAddress?: string } = {},
): Promise<RawAnswer> {
  const send = url.startsWith('https:') ? secureRequest : request;
  const outgoing = send(url, { method, headers, agent: false, localAddress });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  if (body === undefined && headers['Content-Length'] !== undefined) outgoing.flushHeaders();
  else outgoing.end(body);
  const [incoming] = await answered;
  // The rest of the request is no longer needed.
  outgoing.on('error', () => undefined);
  const answer = { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await text(incoming) };
  outgoing.destroy();
  return answer;
}
