import type { BudgetPeriod } from '../contract.ts';

/** A period of a budget. */
export interface Period {
  readonly startsAt: Date;
  readonly resetsAt: Date;
}

const HOUR_MS = 3_600_000;

/** The period that a time is in: an hour, a day or a month of the calendar in UTC. */
export function periodOf(per: BudgetPeriod, now: Date): Period {
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  if (per === 'month') {
    return { startsAt: new Date(Date.UTC(year, month)), resetsAt: new Date(Date.UTC(year, month + 1)) };
  }
  const ms = per === 'hour' ? HOUR_MS : 24 * HOUR_MS;
  const startsAt = Math.floor(now.getTime() / ms) * ms;
  return { startsAt: new Date(startsAt), resetsAt: new Date(startsAt + ms) };
}
