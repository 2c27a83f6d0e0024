import * as fs from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';

import { CliError } from '../system/terminal.ts';
import { isRunning } from '../../exec.ts';
import { PLACES } from './manifest.ts';

/** The one folder in the archive. */
const INSIDE = 'claude-agent-backup';

/** Runs work with a temporary folder inside another folder, and removes it afterwards. */
export async function withScratch<T>(beside: string, work: (folder: string) => Promise<T>): Promise<T> {
  const scratch = fs.mkdtempSync(path.join(beside, `.scratch-${process.pid}-`));
  try {
    return await work(scratch);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** Removes the temporary folders of backups and restores that were killed. */
export async function removeScratches(folder: string): Promise<void> {
  if (!fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder)) {
    const [, pid] = /^\.scratch-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || (await isRunning(Number(pid)))) continue;
    fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}

/** The folder to fill, which {@link pack} packs. */
export function folderIn(scratch: string): string {
  const folder = path.join(scratch, INSIDE);
  fs.mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/**
 * Packs a scratch folder into a file that only its owner can read. The file gets its name only when it is complete and on
 * disk.
 */
export async function pack(scratch: string, file: string): Promise<void> {
  const unfinished = path.join(scratch, 'unfinished.tar.gz');
  fs.writeFileSync(unfinished, '', { mode: 0o600 });
  // The manifest comes first, so that reading it does not require the rest.
  const members = [`${INSIDE}/${PLACES.manifest}`, ...parts(path.join(scratch, INSIDE))];
  await tar(['-czf', unfinished, '-C', scratch, ...members]);
  const handle = fs.openSync(unfinished, 'r+');
  fs.fsyncSync(handle);
  fs.closeSync(handle);
  fs.renameSync(unfinished, file);
}

function parts(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .filter((name) => name !== PLACES.manifest)
    .map((name) => `${INSIDE}/${name}`);
}

/** Unpacks a backup and returns the folder in it. @throws CliError when the file is not a backup. */
export async function unpack(file: string, scratch: string): Promise<string> {
  try {
    await tar(['-xzf', file, '--no-same-owner', '-C', scratch]);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`${file} cannot be unpacked: it is damaged or not a backup: ${error.message}`, {
      cause: error,
    });
  }
  const folder = path.join(scratch, INSIDE);
  if (!fs.existsSync(folder)) throw new CliError(`${file} is not a backup of this system: it has no folder ${INSIDE}.`);
  return folder;
}

async function tar(args: readonly string[]): Promise<void> {
  const { failed, stderr, shortMessage } = await execa('tar', args, { reject: false, stdin: 'ignore' });
  if (failed) throw new CliError(stderr.trim().split('\n')[0] ?? shortMessage);
}
