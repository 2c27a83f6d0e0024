import type { IncomingHttpHeaders } from 'node:http';

/** How a request authenticated. */
export interface Credential {
  readonly scheme: 'bearer' | 'api-key' | 'none';
  readonly value: string;
}

/** One request that the double has received. */
export interface RequestRecord {
  readonly method: string;
  readonly path: string;
  readonly credential: Credential;
  readonly headers: IncomingHttpHeaders;
  /** The model of a messages request, otherwise empty. */
  readonly model: string;
  /** The last thing the user wrote in a messages request, trimmed, directives included, otherwise empty. */
  readonly prompt: string;
  /** The claims of the identity token of an exchange; the token itself is only in the body. */
  readonly identity?: unknown;
  /** The status of the response; 0 before it is sent. */
  status: number;
  /** The parsed body, or its text if it is not JSON; kept for the last {@link BODIES_KEPT} requests. */
  body: unknown;
}

/** How many bodies are kept: each has about 150 kB, and one double may serve thousands of runs. */
export const BODIES_KEPT = 100;

/** Reads the credential of a request; a bearer token takes precedence over a key, like at the real API. */
export function credentialOf(headers: IncomingHttpHeaders): Credential {
  const { authorization, 'x-api-key': key } = headers;
  if (authorization?.startsWith('Bearer ') === true) {
    return { scheme: 'bearer', value: authorization.slice('Bearer '.length) };
  }
  return typeof key === 'string' ? { scheme: 'api-key', value: key } : { scheme: 'none', value: '' };
}
