import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { asCannotStart } from '../../cannot-start.ts';
import { keptSecret } from '../../kept-secret.ts';
import { rawPublicKey } from '../key.ts';

/** The file in the state folder that holds the agent's key for runners if the agent made it, in PEM. */
const KEY_FILE = 'runner-key.pem';

/**
 * The key by which runners know the agent; the agent makes it on first use.
 * @throws {CannotStartError} if its file cannot be read or written for a reason other than the disk, or holds no key.
 */
export function ownRunnerKey(stateDir: string): KeyObject {
  const file = path.join(stateDir, KEY_FILE);
  const remedy = 'Delete it so that a new key is made, and restart the runners.';
  const make = () => generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const pem = keptSecret(file, { what: 'the key for runners', make, remedy });
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw asCannotStart(error, (why) => `${file} holds no private key (${why}). ${remedy}`);
  }
}

/**
 * Writes the public key for runners, which all may read.
 * @throws {CannotStartError} if it cannot be written for a reason other than the disk.
 */
export function publishRunnerKey(privateKey: KeyObject, file: string): void {
  try {
    writeFileSync(file, `${rawPublicKey(privateKey)}\n`, { mode: 0o644 });
  } catch (error) {
    throw asCannotStart(error, (why) => `The public key for runners cannot be written to ${file} (${why}). Fix that.`);
  }
}
