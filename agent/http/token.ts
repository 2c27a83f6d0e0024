import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CannotStartError, asCannotStart } from '../cannot-start.ts';
import { AGENT_ENV, TOKEN_FILE } from '../contract.ts';

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
  const token = keptToken(file);
  if (token === '')
    throw new CannotStartError(`${file} is empty. Delete it so that a new token is created, or ${GIVE_ONE}.`);
  return { sha256: sha256(token), file };
}

function keptToken(file: string): string {
  try {
    if (!existsSync(file)) {
      writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    }
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw asCannotStart(
      error,
      (why) => `${file}, which holds the API token, cannot be used (${why}). Fix that, or ${GIVE_ONE}.`,
    );
  }
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
