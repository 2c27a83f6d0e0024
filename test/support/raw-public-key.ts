import { createPublicKey, type KeyObject } from 'node:crypto';

/** The raw 32 bytes of the public key of an Ed25519 private key, in base64: what a runner gets as `RUNNER_PUBLIC_KEY`. */
export function rawPublicKey(privateKey: KeyObject): string {
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url').toString('base64');
}
