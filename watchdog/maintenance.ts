import { MAINTENANCE_ANNOTATIONS, WATCHDOG_ENV } from './contract.ts';
import type { Maintenance } from './ledger/ledger.ts';
import type { WatchdogSettings } from './settings.ts';

/** What the command line says of a maintenance. */
export interface MaintenanceRequest {
  readonly reason: string | undefined;
  /** ISO 8601, or how long it takes from its beginning: 90m, 2h. */
  readonly expectedEnd: string | undefined;
}

/** What was said of a maintenance can't be used; the message names every mistake. */
export class MaintenanceError extends Error {
  override readonly name = 'MaintenanceError';
}

const SPAN = /^(\d{1,4})([mh])$/;
const MINUTE_MS = 60_000;
const LONGEST_REASON = 500;

/**
 * Why there is a maintenance and when it should be over: the command line before the annotations before the settings.
 * @throws MaintenanceError
 */
export function maintenanceOf(
  request: MaintenanceRequest,
  annotations: Readonly<Record<string, string>>,
  settings: Pick<WatchdogSettings, 'maintenanceReason' | 'maintenanceMs'>,
  time: { readonly since: Date; readonly now: Date },
): Omit<Maintenance, 'since'> {
  const mistakes: string[] = [];
  const reason = request.reason ?? annotations[MAINTENANCE_ANNOTATIONS.reason] ?? settings.maintenanceReason;
  if (reason.trim() === '' || reason.length > LONGEST_REASON) {
    mistakes.push(
      `the reason (--reason, annotation ${MAINTENANCE_ANNOTATIONS.reason}, ${WATCHDOG_ENV.maintenanceReason}) has ${reason.length} characters; 1 to ${LONGEST_REASON} are allowed`,
    );
  }
  const said = request.expectedEnd ?? annotations[MAINTENANCE_ANNOTATIONS.expectedEnd];
  const end = said === undefined ? new Date(time.since.getTime() + settings.maintenanceMs) : endOf(said, time);
  if (!end) {
    mistakes.push(
      `the expected end (--expected-end, annotation ${MAINTENANCE_ANNOTATIONS.expectedEnd}) is ${JSON.stringify(said)}; it must be a time to come in ISO 8601, such as 2026-01-31T18:00Z, or a span, such as 90m or 2h`,
    );
  }
  if (mistakes.length > 0 || !end) throw new MaintenanceError(mistakes.join('; '));
  return { reason, expectedEnd: end.toISOString() };
}

function endOf(said: string, { since, now }: { since: Date; now: Date }): Date | undefined {
  const [, count, unit] = SPAN.exec(said) ?? [];
  if (count !== undefined) return new Date(since.getTime() + Number(count) * (unit === 'h' ? 60 : 1) * MINUTE_MS);
  // Without a zone a time would be the pod's, which nobody knows.
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:\d\d)$/.test(said)) return undefined;
  const at = new Date(said);
  return Number.isNaN(at.getTime()) || at <= now ? undefined : at;
}
