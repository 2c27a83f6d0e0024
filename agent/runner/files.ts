import { mkdir, open, opendir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { isInside } from '../is-inside.ts';
import type { ByteQueue, Outlet } from './flow.ts';
import { leftFiles } from '../files/left-files.ts';
import { openRegular } from '../files/open-folder.ts';
import type { OutputLimits } from '../files/run-files.ts';
import { CHUNK_BYTES, LEFT_OUT_MOST, PULL_LIMITS, type FileState, type FromRunner, type ToRunner } from './protocol.ts';

/**
 * Writes the files of a `start`.
 * @param folders in which they may lie.
 * @param contents of all, one after the other.
 * @throws if one cannot be written.
 */
export async function writeFiles(
  files: Extract<ToRunner, { type: 'start' }>['files'],
  contents: ByteQueue,
  folders: readonly string[],
): Promise<void> {
  for (const { path: file, mode, bytes } of files) {
    if (!folders.some((folder) => isInside(file, folder)))
      throw new Error(`${file} is neither in HOME nor in the workspace.`);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await using handle = await open(file, 'w', mode);
    for (let left = bytes; left > 0;) {
      const data = await contents.read(left);
      if (data.length === 0) throw new Error('The connection ended before all files had arrived.');
      await handle.writeFile(data);
      left -= data.length;
    }
  }
}

/** Where conversations lie in HOME. */
export const PROJECTS_IN_HOME = path.join('.claude', 'projects');

/** Files that the CLI only appends to; of one that has grown, only the new part is sent. */
const APPENDED = '.jsonl';

/**
 * Sends the regular files below a folder that are not as the agent knows them. A run decides what is there, so no link is
 * followed, nothing else is opened for long, and {@link PULL_LIMITS} hold for all files together.
 * @param known what the agent has; paths are relative to the folder.
 * @returns how many files were left out because of a limit.
 */
export async function sendFiles(
  folder: string,
  known: readonly FileState[],
  say: (message: FromRunner) => void,
  outlet: Outlet,
): Promise<number> {
  const before = new Map(known.map((file) => [file.path, file]));
  let files = 0;
  let bytes = 0;
  let skipped = 0;
  for await (const name of filesBelow(folder)) {
    if (outlet.hasEnded) break;
    await using handle = await openRegular(path.join(folder, name));
    if (!handle) continue;
    const { size, mtimeMs } = await handle.stat();
    files += 1;
    bytes += size;
    if (files > PULL_LIMITS.files || bytes > PULL_LIMITS.bytes) {
      skipped += 1;
      bytes -= size;
      if (files > PULL_LIMITS.files) break;
      continue;
    }
    const file = { path: name, bytes: size, mtimeMs: Math.floor(mtimeMs) };
    const old = before.get(name);
    if (old?.bytes === file.bytes && old.mtimeMs === file.mtimeMs) continue;
    const offset = old && name.endsWith(APPENDED) && old.bytes < size ? old.bytes : 0;
    say({ type: 'pulled', file, offset });
    await sendPart(handle, offset, size, outlet);
  }
  return skipped;
}

/** The paths of entries below a folder that are no folders, in no order; none without the folder. */
async function* filesBelow(folder: string, inside = '', depth: number = PULL_LIMITS.depth): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(path.join(folder, inside))) {
      const name = path.join(inside, entry.name);
      if (name.length > PULL_LIMITS.pathChars) continue;
      if (entry.isFile()) yield name;
      else if (entry.isDirectory() && depth > 1) yield* filesBelow(folder, name, depth - 1);
    }
  } catch (error) {
    // The run goes on and may remove or lock a folder at any time.
    if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * Sends what a run left in a folder, see {@link leftFiles}, and says what it leaves out.
 * @param inside the names of the folders from `base` on.
 */
export async function sendLeft(
  base: string,
  inside: readonly string[],
  limits: OutputLimits,
  say: (message: FromRunner) => void,
  outlet: Outlet,
): Promise<void> {
  let [leftOut, more] = [0, 0];
  for await (const found of leftFiles(base, inside, limits)) {
    if (outlet.hasEnded) return;
    if ('handle' in found) {
      const { name, bytes, handle } = found;
      say({ type: 'left', name, bytes });
      await sendPart(handle, 0, bytes, outlet);
    } else if (leftOut < LEFT_OUT_MOST) {
      leftOut += 1;
      say({ type: 'leftOut', ...found });
    } else more += 1;
  }
  say({ type: 'collectEnd', more });
}

/** Sends exactly the bytes from `offset` to `end`: zeros for what the file lost meanwhile. */
async function sendPart(handle: FileHandle, offset: number, end: number, outlet: Outlet): Promise<void> {
  for (let at = offset; at < end;) {
    const data = Buffer.alloc(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await handle.read(data, 0, data.length, at);
    at += bytesRead === 0 ? data.length : bytesRead;
    outlet.write(bytesRead === 0 ? data : data.subarray(0, bytesRead));
    await outlet.sent();
    if (outlet.hasEnded) return;
  }
}
