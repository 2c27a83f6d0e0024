import { readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { TRANSCRIPT } from './transcripts.ts';

/** The limits of stored conversations. */
export interface ConversationLimits {
  readonly days: number;
  readonly megabytes: number;
  /** How long a run may be: its conversation may be unchanged for so long while one command works. */
  readonly maxRunMinutes: number;
}

/** A conversation of the last hour may still be in progress, and for longer if runs may be longer. */
const UNTOUCHED_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * Removes conversations over the limits, oldest first: each has 140 kB or more.
 * @param folder the folder of the store: a folder for each conversation.
 * @returns how many were removed.
 */
export function pruneConversations(folder: string, { days, megabytes, maxRunMinutes }: ConversationLimits): number {
  const now = Date.now();
  const untouchedMs = Math.max(UNTOUCHED_MS, maxRunMinutes * 60_000);
  const newestFirst = conversationsIn(folder).sort((a, b) => b.changedAt - a.changedAt);
  let kept = 0;
  const removed = newestFirst.filter(({ bytes, changedAt }) => {
    kept += bytes;
    const over = kept > megabytes * 1_048_576 || changedAt < now - days * DAY_MS;
    return over && changedAt < now - untouchedMs;
  });
  for (const { place } of removed) rmSync(place, { recursive: true, force: true });
  return removed.length;
}

function conversationsIn(folder: string): { place: string; bytes: number; changedAt: number }[] {
  return readdirSync(folder).flatMap((id) => {
    const place = path.join(folder, id);
    const transcript = statSync(path.join(place, id + TRANSCRIPT), { throwIfNoEntry: false });
    return transcript ? [{ place, bytes: sizeOf(place), changedAt: transcript.mtimeMs }] : [];
  });
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(path.join(folder, name), { throwIfNoEntry: false }))
    .reduce((sum, stats) => sum + (stats?.isFile() ? stats.size : 0), 0);
}
