import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { SESSION_ENTRIES } from '../contract.ts';

/** The sources of a process's settings: a configuration folder, and files named in its arguments. */
export interface SettingsPlaces {
  /** Undefined if each process has a new folder with the same content. */
  readonly configDir: string | undefined;
  readonly mcpConfig: string | undefined;
  readonly claudeSettings: string | undefined;
}

/**
 * Changes whenever a file changes that `claude` reads when it starts. The login too, although `claude` reads it again with its
 * prompt: a run can put a named pipe in its place, and a process that starts meanwhile hangs.
 */
export function settingsVersion({ configDir, mcpConfig, claudeSettings }: SettingsPlaces): string {
  const own = configDir === undefined ? [] : SESSION_ENTRIES.map((name) => path.join(configDir, name));
  const named = [mcpConfig, claudeSettings].filter((file) => file !== undefined);
  return [...own, ...named].flatMap(versionsOf).join();
}

function versionsOf(file: string): string[] {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) return [];
  const own = `${file} ${stats.ino} ${stats.ctimeMs}`;
  return stats.isDirectory() ? [own, ...readdirSync(file).flatMap((name) => versionsOf(path.join(file, name)))] : [own];
}
