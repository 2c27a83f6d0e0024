import { MAINTENANCE_ANNOTATIONS, WATCHDOG_ENV } from './contract.ts';
import type { Maintenance } from './ledger/ledger.ts';
import type { WatchdogSettings } from './settings.ts';

/** What the command line asks for. */
export interface MaintenanceRequest {
  readonly reason: string | undefined;
  /** ISO 8601, or a duration from the start of the maintenance: 90m, 2h. */
  readonly expectedEnd: string | undefined;
}

/** The request for a maintenance is invalid; the message names every problem. */
export class MaintenanceError extends Error {
  override readonly name = 'MaintenanceError';
}

const DURATION = /^(\d{1,4})([mh])$/;
const MINUTE_MS = 60_000;
const MAX_REASON_CHARS = 500;

/**
 * The reason for a maintenance and its expected end: from the command line, else the annotations, else the settings.
 * @throws MaintenanceError
 */
export function maintenanceOf(
  request: MaintenanceRequest,
  annotations: Readonly<Record<string, string>>,
  settings: Pick<WatchdogSettings, 'maintenanceReason' | 'maintenanceMs'>,
  time: { readonly since: Date; readonly now: Date },
): Omit<Maintenance, 'since'> {
  const problems: string[] = [];
  const reason = request.reason ?? annotations[MAINTENANCE_ANNOTATIONS.reason] ?? settings.maintenanceReason;
  if (reason.trim() === '' || reason.length > MAX_REASON_CHARS) {
    problems.push(
      `the reason (--reason, annotation ${MAINTENANCE_ANNOTATIONS.reason}, ${WATCHDOG_ENV.maintenanceReason}) must have 1 to ${MAX_REASON_CHARS} characters, not ${reason.length}`,
    );
  }
  const given = request.expectedEnd ?? annotations[MAINTENANCE_ANNOTATIONS.expectedEnd];
  const end = given === undefined ? new Date(time.since.getTime() + settings.maintenanceMs) : endOf(given, time);
  if (!end) {
    problems.push(
      `the expected end (--expected-end, annotation ${MAINTENANCE_ANNOTATIONS.expectedEnd}) is ${JSON.stringify(given)}; it must be a future time in ISO 8601, such as 2026-01-31T18:00Z, or a duration, such as 90m or 2h`,
    );
  }
  if (problems.length > 0 || !end) throw new MaintenanceError(problems.join('; '));
  return { reason, expectedEnd: end.toISOString() };
}

function endOf(given: string, { since, now }: { since: Date; now: Date }): Date | undefined {
  const [, count, unit] = DURATION.exec(given) ?? [];
  if (count !== undefined) return new Date(since.getTime() + Number(count) * (unit === 'h' ? 60 : 1) * MINUTE_MS);
  // Without a zone it would be in the pod's, which the operator does not know.
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:\d\d)$/.test(given)) return undefined;
  const at = new Date(given);
  return Number.isNaN(at.getTime()) || at <= now ? undefined : at;
}
