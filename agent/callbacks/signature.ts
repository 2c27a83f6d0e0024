import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CannotStartError, asCannotStart } from '../cannot-start.ts';
import { CALLBACK_SECRET, CALLBACK_SECRET_FILE } from '../contract.ts';

const NEW_BYTES = 32;

/**
 * Parses secrets in the Standard Webhooks format: `whsec_` and the base64 of 24 to 64 bytes, one per line.
 * @returns the keys, or undefined if there are none or a line is invalid.
 */
export function parseSecrets(text: string): Buffer[] | undefined {
  const secrets = text.split(/\s+/).filter(Boolean);
  const keys = secrets.map((secret) => Buffer.from(CALLBACK_SECRET.exec(secret)?.[1] ?? '', 'base64'));
  return keys.length > 0 && keys.every(({ length }) => length > 0) ? keys : undefined;
}

/**
 * Reads the secrets from the given file; otherwise from the one in the state folder, which is generated on first use (mode
 * 0600).
 * @throws {CannotStartError} if that file contains no secrets, or cannot be read or written.
 */
export function callbackSecrets(givenFile: string | undefined, stateDir: string): Buffer[] {
  const file = givenFile ?? path.join(stateDir, CALLBACK_SECRET_FILE);
  try {
    if (givenFile === undefined && !existsSync(file)) {
      writeFileSync(file, `whsec_${randomBytes(NEW_BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    }
    const secrets = parseSecrets(readFileSync(file, 'utf8'));
    if (secrets) return secrets;
  } catch (error) {
    throw asCannotStart(error, (why) => `${file}, which holds the callback secret, cannot be used (${why}). Fix that.`);
  }
  throw new CannotStartError(`${file} contains no callback secret (whsec_…). Delete it so that a new one is created.`);
}

/**
 * The headers with which a receiver verifies a message, in the Standard Webhooks format. There is a signature for each
 * secret, so that a secret can be rotated while receivers still use the old one.
 * @param id the same for every attempt.
 * @param secondsNow since 1970.
 */
export function signatureHeaders(
  id: string,
  secondsNow: number,
  body: Buffer,
  secrets: readonly Buffer[],
): Record<string, string> {
  const signatures = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${id}.${secondsNow}.`).update(body).digest('base64'),
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': String(secondsNow),
    'webhook-signature': signatures.map((signature) => `v1,${signature}`).join(' '),
  };
}
