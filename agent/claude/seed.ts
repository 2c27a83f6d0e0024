import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { CREDENTIALS_FILE, SESSION_ENTRIES } from '../contract.ts';
import { parseLogin } from './credential.ts';

/** What {@link adoptSeed} did, for the log. Paths are relative to the session folder. */
export interface SeedReport {
  readonly copied: readonly string[];
  readonly removed: readonly string[];
  /** Why the seed's login was not taken, where it changed and was not. */
  readonly loginKept?: string;
}

/**
 * Brings the seed into the living session's folder: what changed in the seed since the last time is copied, the rest
 * stays as the CLI left it. So a restart never goes back to an older login.
 *
 * Refresh tokens are used once: the living login is newer than the seed from the first refresh on. The seed's login is
 * taken only if it changed since it was last taken and does not end before the living one.
 * @param seedDir read-only; only {@link SESSION_ENTRIES} are looked at.
 * @param livingDir is made where it is missing.
 * @param recordFile remembers what was last taken, as SHA-256 by path.
 * @throws when a file cannot be read or written.
 */
export function adoptSeed(seedDir: string, livingDir: string, recordFile: string): SeedReport {
  const seed = new Map(listFiles(seedDir).map((file) => [file, readFileSync(path.join(seedDir, file))]));
  const taken = readRecord(recordFile);
  mkdirSync(livingDir, { recursive: true, mode: 0o700 });

  const changed = [...seed].filter(
    ([file, content]) => taken[file] !== sha256(content) || !existsSync(path.join(livingDir, file)),
  );
  const loginKept = changed
    .filter(([file]) => file === CREDENTIALS_FILE)
    .map(([, content]) => reasonToKeepLogin(content, path.join(livingDir, CREDENTIALS_FILE)))
    .find((reason) => reason !== undefined);
  const copied = changed.filter(([file]) => file !== CREDENTIALS_FILE || loginKept === undefined);
  const removed = Object.keys(taken).filter((file) => file !== CREDENTIALS_FILE && !seed.has(file));

  for (const [file, content] of copied) writeAtomically(path.join(livingDir, file), content);
  for (const file of removed) rmSync(path.join(livingDir, file), { force: true });
  if (copied.length + removed.length > 0) {
    const now = Object.fromEntries(copied.map(([file, content]) => [file, sha256(content)]));
    const left = Object.entries(taken).filter(([file]) => !removed.includes(file));
    writeAtomically(recordFile, Buffer.from(JSON.stringify({ ...Object.fromEntries(left), ...now }, undefined, 2)));
  }
  return { copied: copied.map(([file]) => file), removed, ...(loginKept !== undefined && { loginKept }) };
}

/** A Secret volume holds its files behind links that begin with `..`; a seed's own names never do. */
function listFiles(dir: string): string[] {
  const walk = (relative: string): string[] => {
    const stat = statSync(path.join(dir, relative));
    if (!stat.isDirectory()) return stat.isFile() ? [relative] : [];
    return readdirSync(path.join(dir, relative))
      .filter((name) => !name.startsWith('..'))
      .flatMap((name) => walk(path.join(relative, name)));
  };
  return SESSION_ENTRIES.filter((entry) => existsSync(path.join(dir, entry))).flatMap(walk);
}

function reasonToKeepLogin(seed: Buffer, livingFile: string): string | undefined {
  const living = existsSync(livingFile) ? quietly(readFileSync(livingFile)) : undefined;
  const offered = quietly(seed);
  if (!offered) return `the seed's ${CREDENTIALS_FILE} holds no login; run \`claude auth login\` and deploy again`;
  if (living?.expiresAt === undefined || offered.expiresAt === undefined) return undefined;
  if (offered.expiresAt >= living.expiresAt) return undefined;
  const at = (time: number) => new Date(time).toISOString();
  return (
    `the seed's login ends ${at(offered.expiresAt)}, before the living one (${at(living.expiresAt)}), ` +
    'so it is older; to replace the living login run `claude auth login` and deploy again'
  );
}

function quietly(content: Buffer) {
  try {
    return parseLogin(content.toString('utf8'));
  } catch {
    return undefined;
  }
}

function readRecord(file: string): Record<string, string> {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
}

function writeAtomically(file: string, content: Buffer): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.new`;
  const handle = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
