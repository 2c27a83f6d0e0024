import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** The bytes of a nonce. */
export const NONCE_BYTES = 32;

const PUBLIC_KEY_BYTES = 32;
/** What precedes the 32 bytes of an Ed25519 public key in DER (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** What the agent signs to show a runner that it is the agent. */
export interface Challenge {
  /** The runner's address and port: as the agent dialled it, and as the runner sees its own socket. */
  readonly address: string;
  readonly port: number;
  /** The runner's, in base64. */
  readonly nonce: string;
}

/** Signs a challenge with an Ed25519 private key; base64. */
export function signChallenge(challenge: Challenge, privateKey: KeyObject): string {
  return sign(null, textOf(challenge), privateKey).toString('base64');
}

/** Whether the signature, in base64, is the agent's for exactly this challenge. */
export function isSigned(challenge: Challenge, signature: string, publicKey: KeyObject): boolean {
  return verify(null, textOf(challenge), publicKey, Buffer.from(signature, 'base64'));
}

/**
 * The address is part of it, so that a runner which a run has taken over cannot pass another runner's nonce to the agent
 * and use the agent's signature there.
 */
function textOf({ address, port, nonce }: Challenge): Buffer {
  return Buffer.from(`claude-code-agent runner v1\n${plainAddress(address)}\n${port}\n${nonce}`);
}

/** An IP address in one form: without a zone, and IPv4 not mapped to IPv6. */
function plainAddress(address: string): string {
  const [bare = ''] = address.toLowerCase().split('%');
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare) ?? [];
  if (mapped !== undefined) return mapped;
  return isIPv6(bare) ? new URL(`http://[${bare}]`).hostname : bare;
}

/** Reads a public key from base64 of its raw 32 bytes; undefined if it is none. */
export function publicKeyOf(base64: string): KeyObject | undefined {
  const raw = Buffer.from(base64, 'base64');
  if (raw.length !== PUBLIC_KEY_BYTES || raw.toString('base64') !== base64) return undefined;
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** The raw 32 bytes of the public key of an Ed25519 private key, in base64. */
export function rawPublicKey(privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return spki.subarray(SPKI_PREFIX.length).toString('base64');
}
