import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { CREDENTIALS_FILE, SESSION_ENTRIES } from '../contract.ts';

/** What of a Claude configuration folder a process reads when it starts; the login it reads when its prompt comes. */
const READ_AT_START = SESSION_ENTRIES.filter((name) => name !== CREDENTIALS_FILE);

/** Changes whenever something changes that `claude` has read from a configuration folder when it started. */
export function settingsVersion(configDir: string): string {
  return READ_AT_START.flatMap((name) => versionsOf(path.join(configDir, name))).join();
}

function versionsOf(file: string): string[] {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) return [];
  const own = `${file} ${stats.mtimeMs} ${stats.size}`;
  return stats.isDirectory() ? [own, ...readdirSync(file).flatMap((name) => versionsOf(path.join(file, name)))] : [own];
}
