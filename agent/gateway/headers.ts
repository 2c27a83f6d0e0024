import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { AuthHeader } from './credential.ts';

/** Headers that concern one connection (RFC 9110, 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Headers of a request that the gateway replaces or has answered itself. */
const REPLACED: ReadonlySet<string> = new Set(['host', 'expect', 'authorization', 'x-api-key', 'accept-encoding']);

/** The token of a run in a request; an empty string if there is none. */
export function tokenIn({ authorization = '', 'x-api-key': key }: IncomingHttpHeaders): string {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  return bearer ?? (typeof key === 'string' ? key : '');
}

/**
 * The headers of a client's request for the API: as they are, but with another credential. The API is asked not to compress
 * its answer, so that usage can be read as it passes.
 */
export function requestHeaders(given: IncomingHttpHeaders, credential: AuthHeader): OutgoingHttpHeaders {
  const named = namedIn(given.connection);
  const kept = Object.entries(given).filter(
    ([name]) => !HOP_BY_HOP.has(name) && !REPLACED.has(name) && !named.has(name),
  );
  return { ...Object.fromEntries(kept), 'accept-encoding': 'identity', [credential.name]: credential.value };
}

/** The headers of the API's response for the client, as names and values in turn. */
export function responseHeaders({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = namedIn(headers.connection);
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !named.has(lower)) kept.push(name, value);
  }
  return kept;
}

function namedIn(connection = ''): ReadonlySet<string> {
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}
