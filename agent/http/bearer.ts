import type { Context, MiddlewareHandler } from 'hono';
import { isAllowed, type Caller, type Callers, type KnownCaller } from '../callers/callers.ts';
import { problem } from './problem.ts';
import type { Reach } from './reach/reach.ts';
import type { Operation } from './api/operation.ts';

const CALLER = 'caller';

/** For somebody who has sent a wrong token again and again. */
export const TOO_MANY =
  'The token does not give access, and too many wrong tokens came from this address in a minute. Send the right one, which passes at once.';

/** What {@link bearer} needs. */
export interface BearerOptions {
  readonly callers: Callers;
  /** Called for each request of a caller, also if it lacks a right. */
  readonly onRequest: (known: KnownCaller) => void;
  readonly reach: Pick<Reach, 'countWrongToken'>;
}

/**
 * Lets requests pass whose caller has one of the rights. A handler gets the caller from {@link callerOf}.
 * @param rights of callers; `admin` is always enough. The watchdog is unknown where it has no right.
 */
export function bearer({ callers, onRequest, reach }: BearerOptions, rights: Operation['rights']): MiddlewareHandler {
  return async (c, next) => {
    const token = tokenOf(c);
    if (token === undefined) {
      return problem(c, 'unauthorized', 'The request has no token. Send the header `Authorization: Bearer <token>`.', {
        headers: { 'WWW-Authenticate': 'Bearer' },
      });
    }
    const known = callers.find(token);
    if (known) {
      onRequest(known);
      setCaller(c, known.caller);
    }
    if (known && isAllowed(known.caller, rights)) return next();
    const seconds = known ? undefined : reach.countWrongToken(c);
    if (seconds !== undefined) {
      return problem(c, 'too-many-wrong-tokens', TOO_MANY, { headers: { 'Retry-After': String(seconds) } });
    }
    if (known && !known.caller.may.includes('watchdog')) {
      return problem(c, 'missing-right', lackOf(known.caller, `${c.req.method} ${c.req.path}`, rights));
    }
    return problem(c, 'unauthorized', 'The token does not give access to this path.', {
      headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
    });
  };
}

/** Says which right a caller lacks, and what to do. */
export function lackOf({ name, may }: Caller, what: string, rights: Operation['rights']): string {
  const needed = [...new Set([...rights.filter((right) => right !== 'watchdog'), 'admin'])].join(' or ');
  return `The caller ${name} may ${may.join(', ')}, and ${what} needs the right ${needed}. Use the token of another caller, or add the right to this one: \`may\` in the config \`callers\`.`;
}

/** Who sent the request, as {@link bearer} found out. @throws Error where no guard has. */
export function callerOf(c: Context): Caller {
  const caller = knownCallerOf(c);
  if (!caller) throw new Error(`${c.req.path} has no guard.`);
  return caller;
}

/** Who sent the request; undefined if it has no known token. */
export const knownCallerOf = (c: Context): Caller | undefined => c.get(CALLER) as Caller | undefined;

/** Notes who sent the request, for {@link callerOf}. */
export function setCaller(c: Context, caller: Caller): void {
  c.set(CALLER, caller);
}

/** The token of a request; undefined if it has none. */
export function tokenOf(c: Context): string | undefined {
  return /^Bearer +([\x21-\x7e]+) *$/i.exec(c.req.header('Authorization') ?? '')?.[1];
}
