import { lookup } from 'node:dns/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import type { LookupFunction } from 'node:net';
import * as tls from 'node:tls';

/** How to reach a host; by default as everybody does. */
export interface Way {
  readonly lookup?: LookupFunction;
  readonly ports?: { readonly http: number; readonly https: number };
  /** Certificates of authorities to trust in place of the public ones, in PEM. */
  readonly ca?: string;
}

/** A response, or why there was none. */
export type Response =
  | { readonly status: number; readonly location: string | undefined; readonly body: string }
  | { readonly failure: string };

const TIMEOUT_MS = 10_000;
/** More than a refusal or the state of the agent has. */
const MAX_BODY = 100_000;

/** The addresses of a host; none if it does not resolve. */
export async function addressesOf(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}

/** Until when the certificate of the host is valid, or why it is not. */
export function certificateOf(host: string, { lookup: resolve, ports, ca }: Way = {}): Promise<Date | string> {
  const { promise, resolve: settle } = Promise.withResolvers<Date | string>();
  const socket = tls.connect({
    host,
    servername: host,
    port: ports?.https ?? 443,
    ...(resolve && { lookup: resolve }),
    ...(ca !== undefined && { ca }),
  });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
  socket.once('secureConnect', () => {
    settle(new Date(socket.getPeerCertificate().valid_to));
    socket.destroy();
  });
  socket.once('error', (error: Error) => settle(reasonOf(error)));
  return promise;
}

/** Sends `GET` to the host, by HTTPS or HTTP, and follows no redirect. */
export function get(
  scheme: 'http' | 'https',
  host: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  { lookup: resolve, ports, ca }: Way = {},
): Promise<Response> {
  const { promise, resolve: settle } = Promise.withResolvers<Response>();
  const options = {
    host,
    path,
    // Without the port, which may be a way of its own.
    headers: { Host: host, ...headers },
    port: ports?.[scheme] ?? (scheme === 'https' ? 443 : 80),
    timeout: TIMEOUT_MS,
    agent: false,
    ...(resolve && { lookup: resolve }),
  };
  const request =
    scheme === 'https'
      ? https.get({ ...options, servername: host, ...(ca !== undefined && { ca }) })
      : http.get(options);
  request.once('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
  request.once('error', (error: Error) => settle({ failure: reasonOf(error) }));
  request.once('response', (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (body = `${body}${chunk}`.slice(0, MAX_BODY)));
    response.once('error', (error: Error) => settle({ failure: reasonOf(error) }));
    response.once('end', () => settle({ status: response.statusCode ?? 0, location: response.headers.location, body }));
  });
  return promise;
}

/** Several addresses that all failed have an error without a message. */
const reasonOf = (error: Error & { readonly code?: string }): string => error.message || (error.code ?? error.name);
