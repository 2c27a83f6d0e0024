import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { asCannotStart } from './cannot-start.ts';

/** A secret in a file. */
export interface KeptSecret {
  /** What it is, for messages: "the API token". */
  readonly what: string;
  /** Undefined for one that somebody gives it, whose file is never written. */
  readonly make: (() => string) | undefined;
  /** What can be done if its file cannot be used. */
  readonly remedy: string;
}

/**
 * Reads a secret from a file, which is written on first use (mode 0600) if the agent makes it.
 * @returns its text without surrounding white space.
 * @throws {CannotStartError} if the file cannot be read or written for a reason other than the disk.
 */
export function keptSecret(file: string, { what, make, remedy }: KeptSecret): string {
  try {
    if (make && !existsSync(file)) writeFileSync(file, `${make().trim()}\n`, { mode: 0o600, flag: 'wx' });
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw asCannotStart(error, (why) => `${file}, which holds ${what}, cannot be used (${why}). ${remedy}`);
  }
}
