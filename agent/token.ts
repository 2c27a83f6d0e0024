import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AGENT_ENV, TOKEN_FILE } from './contract.ts';

/** The API token: its SHA-256 in hex, and where a person finds it. */
export interface ApiToken {
  readonly sha256: string;
  /** The file that holds it, where the agent made it. */
  readonly file?: string;
}

/**
 * Takes the token that was given, or its hash, or the one kept in the state folder, which is made at first use (mode
 * 0600).
 * @throws when the kept file is empty or cannot be read or written.
 */
export function apiToken(
  given: { token?: string | undefined; tokenSha256?: string | undefined },
  stateDir: string,
): ApiToken {
  if (given.tokenSha256 !== undefined) return { sha256: given.tokenSha256 };
  if (given.token !== undefined) return { sha256: sha256(given.token) };
  const file = path.join(stateDir, TOKEN_FILE);
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  const token = readFileSync(file, 'utf8').trim();
  if (token === '') throw new Error(`${file} is empty; delete it to have a new token made, or set ${AGENT_ENV.token}.`);
  return { sha256: sha256(token), file };
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
