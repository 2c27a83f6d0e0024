/**
 * Schedules of CronJobs. The API server parses them with robfig/cron; croner, which no other parser for Node comes closer to,
 * knows more (`L`, `W`, `#`, 7 for Sunday, a step without a range). What only croner takes would fail in the middle of an
 * update, so {@link isCron} refuses it first.
 * @module
 */
import { Cron } from 'croner';

/** As the API server reads it: five fields, with lists, ranges, steps and the names of months and days. */
const FIVE_FIELDS = { mode: '5-part', sloppyRanges: true, paused: true } as const;

/** A part of a list, as the API server takes it. */
const PART = /^(\*|\?|(\d+|[a-z]{3})(-(\d+|[a-z]{3}))?)(\/\d+)?$/i;

/** Sunday is 0 for the API server, and nothing else. */
const SEVEN = /(^|[,-])0*7/;

/** Whether a CronJob takes this as its schedule: five fields of lists, ranges and steps (the API server's own rules). */
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
 * When a schedule last came due.
 * @param timezone of the IANA database.
 * @returns undefined where it never did.
 * @throws Error for a schedule or a time zone that there is not.
 */
export function lastDue(schedule: string, timezone: string, before: Date): Date | undefined {
  const [due] = new Cron(schedule, { ...FIVE_FIELDS, timezone }).previousRuns(1, before);
  return due;
}
