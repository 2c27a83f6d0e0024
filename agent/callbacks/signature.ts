import { createHmac, randomBytes } from 'node:crypto';
import path from 'node:path';
import { CannotStartError } from '../cannot-start.ts';
import { CALLBACK_SECRET, CALLBACK_SECRET_FILE } from '../contract.ts';
import { keptSecret } from '../kept-secret.ts';

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

const newSecret = () => `whsec_${randomBytes(NEW_BYTES).toString('base64')}`;

/**
 * Reads the secrets from the given file; otherwise from the one in the state folder, which is generated on first use (mode
 * 0600).
 * @throws {CannotStartError} if that file contains no secrets, or cannot be read or written.
 */
export function callbackSecrets(givenFile: string | undefined, stateDir: string): Buffer[] {
  const file = givenFile ?? path.join(stateDir, CALLBACK_SECRET_FILE);
  const make = givenFile === undefined ? newSecret : undefined;
  const secrets = parseSecrets(keptSecret(file, { what: 'the callback secret', make, remedy: 'Fix that.' }));
  if (secrets) return secrets;
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
