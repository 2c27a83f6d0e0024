import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { problem } from './problem.ts';

/**
 * Lets requests pass that carry one of the tokens.
 * @param hashes SHA-256 of each token in hex.
 */
export function bearer(...hashes: readonly string[]): MiddlewareHandler {
  const accepted = hashes.map((hash) => Buffer.from(hash, 'hex'));
  return async (c, next) => {
    const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(c.req.header('Authorization') ?? '')?.[1];
    if (token === undefined) {
      return problem(c, 'unauthorized', 'There is no token. Send the header `Authorization: Bearer <token>`.', {
        headers: { 'WWW-Authenticate': 'Bearer' },
      });
    }
    const given = createHash('sha256').update(token).digest();
    if (accepted.some((hash) => timingSafeEqual(hash, given))) return next();
    return problem(c, 'unauthorized', 'The token is not the one this agent knows for this path.', {
      headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
    });
  };
}
