import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { CREDENTIALS_FILE, SESSION_ENTRIES } from '../contract.ts';

/** What of a Claude configuration folder a process reads when it starts; the login it reads when its prompt comes. */
const READ_AT_START = SESSION_ENTRIES.filter((name) => name !== CREDENTIALS_FILE);

/** Where a process has its settings from: a configuration folder, and files that are named to it. */
export interface SettingsPlaces {
  readonly configDir: string;
  readonly mcpConfig: string | undefined;
  readonly claudeSettings: string | undefined;
}

/** Changes whenever something changes that `claude` has read there when it started. */
export function settingsVersion({ configDir, mcpConfig, claudeSettings }: SettingsPlaces): string {
  const files = [mcpConfig, claudeSettings].filter((file) => file !== undefined);
  return [...READ_AT_START.map((name) => path.join(configDir, name)), ...files].flatMap(versionsOf).join();
}

function versionsOf(file: string): string[] {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) return [];
  const own = `${file} ${stats.mtimeMs} ${stats.size}`;
  return stats.isDirectory() ? [own, ...readdirSync(file).flatMap((name) => versionsOf(path.join(file, name)))] : [own];
}
