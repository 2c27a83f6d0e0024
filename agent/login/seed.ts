import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { CREDENTIALS_FILE, SESSION_ENTRIES } from '../contract.ts';
import { loginIn } from './credential.ts';
import { isFileError, readOwnFile, writeOwnFile } from '../workspace/own-files.ts';
import { readSeedRecord, writeSeedRecord } from './seed-record.ts';

/** What {@link adoptSeed} did, for the log. Paths are relative to the session folder. */
export interface SeedReport {
  readonly copied: readonly string[];
  readonly removed: readonly string[];
  /** Why the seed's login was not taken, where it changed and was not. */
  readonly loginKept?: string;
}

/**
 * Reads a seed, through the links of a Secret volume. What cannot be read is left out.
 * @param dir only its {@link SESSION_ENTRIES} are looked at.
 * @param onUnread is told of each entry that is left out, and why.
 * @returns the content of each file, by path.
 */
export function readSeed(
  dir: string,
  onUnread: (file: string, why: string) => void = () => undefined,
): ReadonlyMap<string, Buffer> {
  const walk = (relative: string): [string, Buffer][] => {
    const file = path.join(dir, relative);
    try {
      const stats = statSync(file, { throwIfNoEntry: false });
      if (stats?.isFile()) return [[relative, readFileSync(file)]];
      if (!stats?.isDirectory()) return [];
      // A Secret volume holds its files behind links that begin with `..`; a seed's own names never do.
      const names = readdirSync(file).filter((name) => !name.startsWith('..'));
      return names.flatMap((name) => walk(path.join(relative, name)));
    } catch (error) {
      if (!isFileError(error)) throw error;
      onUnread(relative, error.code ?? error.message);
      return [];
    }
  };
  return new Map(SESSION_ENTRIES.flatMap(walk));
}

/**
 * Brings the seed into the living session's folder. Its login is taken only if it changed since it was last taken and
 * does not end before the living one: refresh tokens are used once, so the living login is newer than the seed from the
 * first renewal on, and a restart never goes back to an older login.
 * @param seedDir read-only; see {@link readSeed}.
 * @param livingDir is made where it is missing.
 * @param recordFile remembers what was last taken; see {@link SeedRecord}.
 * @throws when a file cannot be written.
 */
export function adoptSeed(seedDir: string, livingDir: string, recordFile: string): SeedReport {
  const seed = readSeed(seedDir);
  const record = readSeedRecord(recordFile);
  mkdirSync(livingDir, { recursive: true, mode: 0o700 });

  const differs = ([file, content]: [string, Buffer]) => {
    const living = readOwnFile(path.join(livingDir, file));
    if (file === CREDENTIALS_FILE) return !living || record.taken[file] !== sha256(content);
    return !living?.equals(content);
  };
  const changed = [...seed].filter(differs);
  const loginKept = changed
    .filter(([file]) => file === CREDENTIALS_FILE)
    .map(([, content]) => reasonToKeepLogin(content, readOwnFile(path.join(livingDir, CREDENTIALS_FILE))))
    .find((reason) => reason !== undefined);
  const copied = changed.filter(([file]) => file !== CREDENTIALS_FILE || loginKept === undefined);
  const removed = Object.keys(record.taken).filter(
    (file) => file !== CREDENTIALS_FILE && isOfSeed(file) && !seed.has(file),
  );

  for (const [file, content] of copied) writeOwnFile(path.join(livingDir, file), content);
  for (const file of removed) rmSync(path.join(livingDir, file), { recursive: true, force: true });
  if (copied.length + removed.length > 0) {
    const now = Object.fromEntries(copied.map(([file, content]) => [file, sha256(content)]));
    const left = Object.entries(record.taken).filter(([file]) => !removed.includes(file));
    const login = copied.find(([file]) => file === CREDENTIALS_FILE)?.[1].toString('utf8') ?? record.login;
    writeSeedRecord(recordFile, { ...record, taken: { ...Object.fromEntries(left), ...now }, login });
  }
  return { copied: copied.map(([file]) => file), removed, ...(loginKept !== undefined && { loginKept }) };
}

function reasonToKeepLogin(seed: Buffer, livingFile: Buffer | undefined): string | undefined {
  const living = livingFile && loginIn(livingFile.toString('utf8'));
  const offered = loginIn(seed.toString('utf8'));
  if (!offered) return `the seed's ${CREDENTIALS_FILE} contains no login; run \`claude auth login\` and deploy again`;
  if (living?.expiresAt === undefined || offered.expiresAt === undefined) return undefined;
  if (offered.expiresAt >= living.expiresAt) return undefined;
  const at = (time: number) => new Date(time).toISOString();
  return (
    `the seed's login ends ${at(offered.expiresAt)}, before the living one (${at(living.expiresAt)}), ` +
    'so it is older; to replace the living login run `claude auth login` and deploy again'
  );
}

/** Whether a path is one that a seed can have: the record is where a run could write. */
function isOfSeed(file: string): boolean {
  const [entry, ...below] = file.split('/');
  return (SESSION_ENTRIES as readonly (string | undefined)[]).includes(entry) && !below.includes('..');
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
