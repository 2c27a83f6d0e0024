/**
 * Schedules of CronJobs. The API server parses them with robfig/cron. croner, the closest parser for Node, accepts more (`L`,
 * `W`, `#`, 7 for Sunday, a step without a range). What only croner accepts would fail in the middle of an update, so
 * {@link isCron} rejects it first.
 * @module
 */
import { Cron } from 'croner';

/** The format that the API server reads: five fields, with lists, ranges, steps and the names of months and days. */
const FIVE_FIELDS = { mode: '5-part', sloppyRanges: true, paused: true } as const;

/** One item of a list, as the API server accepts it. */
const PART = /^(\*|\?|(\d+|[a-z]{3})(-(\d+|[a-z]{3}))?)(\/\d+)?$/i;

/** The API server accepts only 0 for Sunday. */
const SEVEN = /(^|[,-])0*7/;

/** Whether a CronJob accepts this as its schedule: five fields of lists, ranges and steps (the API server's own rules). */
export function isCron(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  if (!fields.every((field) => field.split(',').every((part) => PART.test(part)))) return false;
  if (SEVEN.test(fields[4] ?? '')) return false;
  try {
    new Cron(text, FIVE_FIELDS);
    return true;
  } catch {
    return false;
  }
}

/**
 * When a schedule was last due.
 * @param timezone A name from the IANA database.
 * @returns undefined if it never was.
 * @throws Error for an invalid schedule or an unknown time zone.
 */
export function lastDue(schedule: string, timezone: string, before: Date): Date | undefined {
  const [due] = new Cron(schedule, { ...FIVE_FIELDS, timezone }).previousRuns(1, before);
  return due;
}
