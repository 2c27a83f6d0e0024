import type { IncomingHttpHeaders } from 'node:http';

/** How a request proved who it is. */
export interface Credential {
  readonly scheme: 'bearer' | 'api-key' | 'none';
  readonly value: string;
}

/** One request that the double has seen. */
export interface RequestRecord {
  readonly method: string;
  readonly path: string;
  readonly credential: Credential;
  readonly headers: IncomingHttpHeaders;
  /** The model of a messages request, else empty. */
  readonly model: string;
  /** The last thing the user wrote in a messages request, trimmed, directives included, else empty. */
  readonly prompt: string;
  /** What the identity token of an exchange says of itself; the token is in the body alone. */
  readonly identity?: unknown;
  /** The status sent; 0 while none was. */
  status: number;
  /** The parsed body, or its text where it is no JSON; kept for the last {@link BODIES_KEPT} requests. */
  body: unknown;
}

/** How many bodies are kept: each is some 150 kB, and one double may serve thousands of runs. */
export const BODIES_KEPT = 100;

/** Reads the credential of a request; a bearer token wins over a key, as at the real API. */
export function credentialOf(headers: IncomingHttpHeaders): Credential {
  const { authorization, 'x-api-key': key } = headers;
  if (authorization?.startsWith('Bearer ') === true) {
    return { scheme: 'bearer', value: authorization.slice('Bearer '.length) };
  }
  return typeof key === 'string' ? { scheme: 'api-key', value: key } : { scheme: 'none', value: '' };
}
