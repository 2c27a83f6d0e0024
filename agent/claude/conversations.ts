import { readdirSync, rmSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** The limits of stored conversations. */
export interface ConversationLimits {
  readonly days: number;
  readonly megabytes: number;
}

/** A conversation of the last hour may still be in progress. */
const UNTOUCHED_MS = 3_600_000;
const DAY_MS = 86_400_000;
const TRANSCRIPT = '.jsonl';

interface Conversation {
  /** The transcript, and the folder next to it if there is one. */
  readonly paths: readonly string[];
  readonly bytes: number;
  readonly changedAt: number;
}

/**
 * Removes conversations over the limits, oldest first. `claude` itself removes those older than 30 days (its setting
 * `cleanupPeriodDays`), but only in a process that lives for ten seconds, and it has no size limit: each is 140 kB or more.
 * @param configDir a Claude configuration folder.
 * @returns how many were removed.
 */
export function pruneConversations(configDir: string, { days, megabytes }: ConversationLimits): number {
  const now = Date.now();
  const newestFirst = conversationsIn(path.join(configDir, 'projects')).sort((a, b) => b.changedAt - a.changedAt);
  let kept = 0;
  const removed = newestFirst.filter(({ bytes, changedAt }) => {
    kept += bytes;
    const over = kept > megabytes * 1_048_576 || changedAt < now - days * DAY_MS;
    return over && changedAt < now - UNTOUCHED_MS;
  });
  for (const { paths } of removed) for (const each of paths) rmSync(each, { recursive: true, force: true });
  for (const folder of new Set(removed.flatMap(({ paths }) => paths.map((each) => path.dirname(each))))) {
    if (readdirSync(folder).length === 0) rmdirSync(folder);
  }
  return removed.length;
}

function conversationsIn(projectsDir: string): Conversation[] {
  return foldersIn(projectsDir).flatMap((project) =>
    readdirSync(project)
      .filter((name) => name.endsWith(TRANSCRIPT))
      .flatMap((name) => conversationAt(path.join(project, name))),
  );
}

function conversationAt(file: string): Conversation[] {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) return [];
  const beside = file.slice(0, -TRANSCRIPT.length);
  return [{ paths: [file, beside], bytes: stats.size + sizeOf(beside), changedAt: stats.mtimeMs }];
}

function foldersIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(folder, name));
}

function sizeOf(folder: string): number {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return 0;
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(path.join(folder, name), { throwIfNoEntry: false }))
    .reduce((sum, stats) => sum + (stats?.isFile() ? stats.size : 0), 0);
}
