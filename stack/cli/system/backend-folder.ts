import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { npmRun } from '../../next-command.ts';
import { CliError } from './terminal.ts';
import { locksOf, stateFileOf } from '../../pulumi-internals/file-backend.ts';
import type { FolderStack } from '../../pulumi-internals/file-backend.ts';
import { isRunning } from '../../exec.ts';

/** Repairs the files of a stack's state that an engine was writing when it was killed. */
export function repairStateFiles(place: FolderStack, say: (line: string) => void): void {
  const file = stateFileOf(place);
  const backup = `${file}.bak`;
  // Each file may have a file of attributes, which is optional.
  for (const attributes of [`${file}.attrs`, `${backup}.attrs`]) {
    if (fs.existsSync(attributes) && !isJson(attributes)) fs.rmSync(attributes);
  }
  if (fs.existsSync(file) && !isJson(file) && isJson(backup)) {
    fs.copyFileSync(backup, file);
    say(`${file} was only partly written. It is restored from its last backup.`);
  }
}

/**
 * Removes the lock of an engine that was killed on this machine.
 * @throws CliError if another update holds the lock, or may hold it on another machine.
 */
export async function removeStaleLocks(place: FolderStack, say: (line: string) => void): Promise<void> {
  const locks = locksOf(place);
  if (!fs.existsSync(locks)) return;
  for (const name of fs.readdirSync(locks).filter((entry) => entry.endsWith('.json'))) {
    await removeStaleLock(path.join(locks, name), place.stack, say);
  }
}

interface Lock {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly timestamp: string;
}

const cancel = (): string => `\`${npmRun('pulumi', 'cancel --yes')}\``;

async function removeStaleLock(file: string, stack: string, say: (line: string) => void): Promise<void> {
  const content = contentIfThere(file);
  // The update that held it has ended.
  if (content === undefined) return;
  const lock = lockIn(content);
  if (lock === undefined) {
    throw new CliError(
      `${file} is incomplete: another update of the stack ${stack} is just starting, or its machine crashed while it started. Try again in a minute. If no update is running then, remove the lock: ${cancel()}.`,
    );
  }
  if (lock.hostname !== os.hostname() || (await isRunning(lock.pid, 'pulumi'))) {
    throw new CliError(
      `The stack ${stack} has been locked by an update of ${lock.username}@${lock.hostname} (process ${lock.pid}) since ${lock.timestamp}. Wait until it has ended. If it is no longer running, remove the lock: ${cancel()}.`,
    );
  }
  fs.rmSync(file, { force: true });
  fs.rmSync(`${file}.attrs`, { force: true });
  say(`The last update of the stack ${stack} was killed. Its lock has been removed.`);
}

function contentIfThere(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined if the lock is incomplete. */
function lockIn(content: string): Lock | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    return undefined;
  }
  const { pid, username, hostname, timestamp } = (parsed ?? {}) as Partial<Record<keyof Lock, unknown>>;
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (!Number.isSafeInteger(pid) || !isText(username) || !isText(hostname) || !isText(timestamp)) return undefined;
  return { pid: pid as number, username, hostname, timestamp };
}

function isJson(file: string): boolean {
  try {
    JSON.parse(fs.readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}
