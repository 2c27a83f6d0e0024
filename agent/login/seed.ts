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
  /** Why the seed's login was not adopted although it had changed. */
  readonly loginKept?: string;
}

/**
 * Reads a seed, following the links of a Secret volume. Skips what cannot be read.
 * @param dir only its {@link SESSION_ENTRIES} are read.
 * @param onUnread called with each skipped entry and the reason.
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
      // A Secret volume keeps its files behind links whose names begin with `..`; names in a seed never do.
      const names = readdirSync(file).filter((name) => !name.startsWith('..'));
      return names.flatMap((name) => walk(path.join(relative, name)));
    } catch (error) {
      if (!isFileError(error)) throw error;
      onUnread(relative, whyUnread(error));
      return [];
    }
  };
  return new Map(SESSION_ENTRIES.flatMap(walk));
}

function whyUnread({ code, message }: NodeJS.ErrnoException): string {
  if (code !== 'EACCES') return code ?? message;
  return `EACCES: this process runs as user ${process.getuid?.()}, which may not read it; let that user read it, or log in on the status page`;
}

/**
 * Copies the seed into the folder of the current session. The login is adopted only if it changed since the last time and
 * does not expire before the current one: refresh tokens work once, so after the first renewal the current login is newer
 * than the seed, and a restart never goes back to an older login.
 * @param seedDir read-only; see {@link readSeed}.
 * @param sessionDir the folder of the current session; created if it is missing.
 * @param recordFile records what was last adopted; see {@link SeedRecord}.
 * @throws if a file cannot be written.
 */
export function adoptSeed(seedDir: string, sessionDir: string, recordFile: string): SeedReport {
  const seed = readSeed(seedDir);
  const record = readSeedRecord(recordFile);
  mkdirSync(sessionDir, { recursive: true, mode: 0o700 });

  const differs = ([file, content]: [string, Buffer]) => {
    const current = readOwnFile(path.join(sessionDir, file));
    if (file === CREDENTIALS_FILE) return !current || record.taken[file] !== sha256(content);
    return !current?.equals(content);
  };
  const changed = [...seed].filter(differs);
  const loginKept = changed
    .filter(([file]) => file === CREDENTIALS_FILE)
    .map(([, content]) => reasonToKeepLogin(content, readOwnFile(path.join(sessionDir, CREDENTIALS_FILE))))
    .find((reason) => reason !== undefined);
  const copied = changed.filter(([file]) => file !== CREDENTIALS_FILE || loginKept === undefined);
  const removed = Object.keys(record.taken).filter(
    (file) => file !== CREDENTIALS_FILE && isOfSeed(file) && !seed.has(file),
  );

  for (const [file, content] of copied) writeOwnFile(path.join(sessionDir, file), content);
  for (const file of removed) rmSync(path.join(sessionDir, file), { recursive: true, force: true });
  if (copied.length + removed.length > 0) {
    const now = Object.fromEntries(copied.map(([file, content]) => [file, sha256(content)]));
    const left = Object.entries(record.taken).filter(([file]) => !removed.includes(file));
    const taken = { ...Object.fromEntries(left), ...now };
    const login = copied.find(([file]) => file === CREDENTIALS_FILE)?.[1].toString('utf8');
    // Another login may belong to another account.
    const ofLogin = login === undefined ? {} : { login, accountUuid: undefined };
    writeSeedRecord(recordFile, { ...record, taken, ...ofLogin });
  }
  return { copied: copied.map(([file]) => file), removed, ...(loginKept !== undefined && { loginKept }) };
}

function reasonToKeepLogin(seed: Buffer, currentFile: Buffer | undefined): string | undefined {
  const current = currentFile && loginIn(currentFile.toString('utf8'));
  const offered = loginIn(seed.toString('utf8'));
  if (!offered) return `the seed's ${CREDENTIALS_FILE} contains no login; run \`claude auth login\` and deploy again`;
  if (current?.expiresAt === undefined || offered.expiresAt === undefined) return undefined;
  if (offered.expiresAt >= current.expiresAt) return undefined;
  const at = (time: number) => new Date(time).toISOString();
  return (
    `the seed's login expires ${at(offered.expiresAt)}, before the current one (${at(current.expiresAt)}), ` +
    'so it is older; to replace the current login, run `claude auth login` and deploy again'
  );
}

/** Whether a seed can contain this path. Runs can write to the record, so its paths are not trusted. */
function isOfSeed(file: string): boolean {
  const [entry, ...below] = file.split('/');
  return (SESSION_ENTRIES as readonly (string | undefined)[]).includes(entry) && !below.includes('..');
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
