import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { TRANSCRIPT, whenMissing } from './transcripts.ts';

/** Without O_NONBLOCK, opening a named pipe would wait for a writer. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHUNK_BYTES = 1_048_576;
/** The CLI writes one file for each sub-agent and each long output, at most two folders deep. */
const MAX_FILES = 10_000;
const MAX_DEPTH = 4;

/** How files get from one folder to another one on the same volume. */
export type Transfer = 'copy' | 'move';

/** Where a conversation goes, and how. */
export interface Way {
  /** An existing folder on the same volume, for files that are not complete yet. */
  readonly scratch: string;
  readonly how: Transfer;
  /** Larger conversations are not copied: a run could make a file without end. */
  readonly maxBytes: number;
}

/**
 * Brings a conversation from one folder to another: the transcript, and the regular files in the folder next to it. A file
 * that is as old and as large as its copy is skipped. Each file is complete or as before, whenever the agent is killed. No
 * link is followed.
 * @throws if it is too large to copy, or something cannot be read or written.
 */
export async function transfer(sessionId: string, from: string, to: string, way: Way): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  // The transcript comes last: it names the other files.
  const files = [...(await filesBelow(path.join(from, sessionId), sessionId)), sessionId + TRANSCRIPT];
  let left = way.maxBytes;
  for (const file of files) left -= await bringFile(path.join(from, file), path.join(to, file), left, way);
}

/** @returns its size. */
async function bringFile(from: string, to: string, maxBytes: number, { scratch, how }: Way): Promise<number> {
  const stats = await lstat(from).catch(whenMissing(undefined));
  if (!stats?.isFile()) return 0;
  if (how === 'copy' && stats.size > maxBytes) throw new Error(`${from} is too large to be kept (${stats.size} bytes)`);
  const there = await lstat(to).catch(whenMissing(undefined));
  const isSame =
    there?.isFile() === true && there.size === stats.size && Math.floor(there.mtimeMs) === Math.floor(stats.mtimeMs);
  if (isSame) return stats.size;
  await mkdir(path.dirname(to), { recursive: true, mode: 0o700 });
  if (there?.isDirectory()) await rm(to, { recursive: true, force: true });
  if (how === 'move') await rename(from, to);
  else await copyFile(from, to, scratch);
  return stats.size;
}

async function copyFile(from: string, to: string, scratch: string): Promise<void> {
  const copy = path.join(scratch, randomUUID());
  try {
    await using source = await open(from, READ);
    await using target = await open(copy, 'wx', 0o600);
    const stats = await source.stat();
    if (!stats.isFile()) throw new Error(`${from} is not a file`);
    await copyBytes(source, target, stats.size);
    await target.utimes(stats.atime, stats.mtime);
    await target.datasync();
    await rename(copy, to);
  } catch (error) {
    await rm(copy, { force: true });
    throw error;
  }
}

async function copyBytes(source: FileHandle, target: FileHandle, size: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size));
  for (let at = 0; at < size;) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, size - at), at);
    if (bytesRead === 0) return;
    await target.writeFile(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** The regular files below a folder, relative to the folder above it. */
async function filesBelow(folder: string, name: string, depth = 0): Promise<string[]> {
  const stats = await lstat(folder).catch(whenMissing(undefined));
  if (!stats?.isDirectory() || depth > MAX_DEPTH) return [];
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const below = path.join(name, entry.name);
    if (entry.isFile()) found.push(below);
    else if (entry.isDirectory()) found.push(...(await filesBelow(path.join(folder, entry.name), below, depth + 1)));
  }
  return found.slice(0, MAX_FILES);
}
