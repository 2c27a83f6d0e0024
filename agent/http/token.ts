import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { CannotStartError } from '../cannot-start.ts';
import { AGENT_ENV, TOKEN_FILE } from '../contract.ts';
import { keptSecret } from '../kept-secret.ts';

const GIVE_ONE = `set ${AGENT_ENV.token} to a token of your own`;

/** The API token: its SHA-256 in hex, and where people find it. */
export interface ApiToken {
  readonly sha256: string;
  /** The file that holds it, if the agent generated it. */
  readonly file?: string;
}

/**
 * Uses the given token or its hash; otherwise the one in the state folder, which is generated on first use (mode 0600).
 * @throws {CannotStartError} if that file is empty, or cannot be read or written for a reason other than the disk.
 */
export function apiToken(
  given: { token?: string | undefined; tokenSha256?: string | undefined },
  stateDir: string,
): ApiToken {
  if (given.tokenSha256 !== undefined) return { sha256: given.tokenSha256 };
  if (given.token !== undefined) return { sha256: sha256(given.token) };
  const file = path.join(stateDir, TOKEN_FILE);
  return { sha256: sha256(tokenIn(file, 'the API token', GIVE_ONE)), file };
}

/**
 * The SHA-256 of the watchdog's token: given as such, or of the token in a file, which is generated on first use (mode 0600).
 * Undefined if neither is set.
 * @throws {CannotStartError} as {@link apiToken}.
 */
export function watchdogTokenSha256(given: {
  watchdogTokenSha256: string | undefined;
  watchdogTokenFile: string | undefined;
}): string | undefined {
  const { watchdogTokenFile: file } = given;
  if (file === undefined) return given.watchdogTokenSha256;
  return sha256(tokenIn(file, "the watchdog's token", `set ${AGENT_ENV.watchdogTokenSha256} instead`));
}

function tokenIn(file: string, what: string, otherwise: string): string {
  const make = () => randomBytes(32).toString('base64url');
  const token = keptSecret(file, { what, make, remedy: `Fix that, or ${otherwise}.` });
  if (token !== '') return token;
  throw new CannotStartError(`${file} is empty. Delete it so that a new token is created, or ${otherwise}.`);
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
