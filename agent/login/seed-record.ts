import { lstatSync } from 'node:fs';
import { z } from 'zod';
import { readOwnFile, writeOwnFile } from '../workspace/own-files.ts';

/** What the agent remembers across restarts about the adopted seed and its login. */
export interface SeedRecord {
  /** SHA-256 of each file of the last adopted seed, by path. */
  readonly taken: Readonly<Record<string, string>>;
  /** The text of the login file after the last seed or renewal; a secret. */
  readonly login?: string | undefined;
  /** The id of this installation of `claude` for the API. */
  readonly userID?: string | undefined;
  /** The account of the login, as the CLI found it out. */
  readonly accountUuid?: string | undefined;
}

const content = z.record(z.string(), z.string());

/**
 * Reads the record.
 * @param onBroken called with the reason if something exists there that is not a record.
 * @returns an empty record if there is none.
 */
export function readSeedRecord(file: string, onBroken: (why: string) => void = () => undefined): SeedRecord {
  const text = readOwnFile(file)?.toString('utf8');
  if (text === undefined) {
    if (lstatSync(file, { throwIfNoEntry: false })) onBroken('it is not a readable file');
    return { taken: {} };
  }
  try {
    // Flat, so that earlier versions of the agent can read it.
    const { login, userID, accountUuid, ...taken } = content.parse(JSON.parse(text));
    return { taken, login, userID, accountUuid };
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof z.ZodError)) throw error;
    onBroken(error instanceof SyntaxError ? 'it is not JSON' : 'it is not a JSON object of strings');
    return { taken: {} };
  }
}

/** @throws if it cannot be written. */
export function writeSeedRecord(file: string, { taken, login, userID, accountUuid }: SeedRecord): void {
  writeOwnFile(file, JSON.stringify({ ...taken, login, userID, accountUuid }, undefined, 2));
}
