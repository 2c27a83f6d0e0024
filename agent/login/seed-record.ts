import { lstatSync } from 'node:fs';
import { z } from 'zod';
import { readOwnFile, writeOwnFile } from '../workspace/own-files.ts';

/** What the agent remembers over restarts of the seed that it took and of the login that came from it. */
export interface SeedRecord {
  /** SHA-256 of each file of the seed when it was last taken, by path. */
  readonly taken: Readonly<Record<string, string>>;
  /** The text of the login file as a seed or a renewal last left it; a secret. */
  readonly login?: string | undefined;
  /** The id by which the API knows this installation of `claude`. */
  readonly userID?: string | undefined;
}

const content = z.record(z.string(), z.string());

/**
 * Reads the record.
 * @param onBroken is told why there is none, where something is there that is no record.
 * @returns an empty record where there is none.
 */
export function readSeedRecord(file: string, onBroken: (why: string) => void = () => undefined): SeedRecord {
  const text = readOwnFile(file)?.toString('utf8');
  if (text === undefined) {
    if (lstatSync(file, { throwIfNoEntry: false })) onBroken('it is not a readable file');
    return { taken: {} };
  }
  try {
    // Flat, so that an earlier version of the agent can read it.
    const { login, userID, ...taken } = content.parse(JSON.parse(text));
    return { taken, login, userID };
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof z.ZodError)) throw error;
    onBroken(error instanceof SyntaxError ? 'it is not JSON' : 'it is not a JSON object of strings');
    return { taken: {} };
  }
}

/** @throws when it cannot be written. */
export function writeSeedRecord(file: string, { taken, login, userID }: SeedRecord): void {
  writeOwnFile(file, JSON.stringify({ ...taken, login, userID }, undefined, 2));
}
