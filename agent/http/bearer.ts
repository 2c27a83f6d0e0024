import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { problem } from './problem.ts';

/**
 * Lets requests with one of the tokens pass.
 * @param hashes SHA-256 of each token in hex.
 */
export function bearer(...hashes: readonly string[]): MiddlewareHandler {
  const isKnown = tokenMatcher(hashes);
  return async (c, next) => {
    const token = tokenOf(c);
    if (token === undefined) {
      return problem(c, 'unauthorized', 'The request has no token. Send the header `Authorization: Bearer <token>`.', {
        headers: { 'WWW-Authenticate': 'Bearer' },
      });
    }
    if (isKnown(token)) return next();
    return problem(c, 'unauthorized', 'The token does not give access to this path.', {
      headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
    });
  };
}

/** The token of a request; undefined if it has none. */
export function tokenOf(c: Context): string | undefined {
  return /^Bearer +([\x21-\x7e]+) *$/i.exec(c.req.header('Authorization') ?? '')?.[1];
}

/**
 * Recognizes known tokens, in constant time.
 * @param hashes SHA-256 of each token in hex.
 */
export function tokenMatcher(hashes: readonly string[]): (token: string) => boolean {
  const accepted = hashes.map((hash) => Buffer.from(hash, 'hex'));
  return (token) => {
    const given = createHash('sha256').update(token).digest();
    return accepted.some((hash) => timingSafeEqual(hash, given));
  };
}
