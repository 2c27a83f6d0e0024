import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { QuotaWindow } from '../http/api/state.ts';

/** What Anthropic said about the quota of the login, in the headers of a response or through the CLI. */
export interface QuotaReading {
  readonly windows: readonly QuotaWindow[];
  /** The limit because of which it refused a request; undefined if it refused none. */
  readonly limit: UsageLimit | undefined;
}

/** A usage limit that was reached. */
export interface UsageLimit {
  /** The window that is used up; undefined if unknown. */
  readonly window: string | undefined;
  /** Seconds since the epoch; undefined if unknown. */
  readonly resetsAt: number | undefined;
}

/** How many windows are kept. Anthropic has two or three. */
export const MAX_WINDOWS = 8;

/** The last second of the year 9999, in seconds since the epoch. */
const LAST_SECOND = 253_402_300_799;

const PREFIX = 'anthropic-ratelimit-unified-';
const WINDOW = /^[a-z0-9_]{1,40}$/;
const WINDOW_HEADER = new RegExp(`^${PREFIX}([a-z0-9_]{1,40})-utilization$`);
/** Headers abbreviate the names that the CLI, and `representative-claim`, spell out. */
const ABBREVIATIONS = { '5h': 'five_hour', '7d': 'seven_day', '7d_oi': 'seven_day_overage_included' } as const;
const TOO_MANY_REQUESTS = 429;

/** A fraction of the window; above 1 if more was used than the window has. */
const utilization = z.coerce.number().nonnegative();
const resetsAt = z.coerce.number().positive().max(LAST_SECOND).transform(Math.round);
const status = z.enum(['allowed', 'allowed_warning', 'rejected']).optional().catch(undefined);
const window = z.object({ utilization, resetsAt, status });

const rateLimitEvent = z.object({
  type: z.literal('rate_limit_event'),
  rate_limit_info: z.object({
    status: z.string(),
    rateLimitType: z.string().regex(WINDOW).optional().catch(undefined),
    resetsAt: resetsAt.optional().catch(undefined),
    utilization: utilization.optional().catch(undefined),
    isUsingOverage: z.boolean().catch(false),
    unifiedWindows: z.record(z.string(), z.unknown()).catch({}),
  }),
});

/** What the headers of a response say about the quota; undefined if nothing. @param code its HTTP status. */
export function quotaInHeaders(code: number | undefined, headers: IncomingHttpHeaders): QuotaReading | undefined {
  const text = (name: string) => {
    const value = headers[PREFIX + name];
    return typeof value === 'string' && value.trim() !== '' ? value : undefined;
  };
  const short = Object.keys(headers).flatMap((name) => WINDOW_HEADER.exec(name)?.[1] ?? []);
  const windows = short.slice(0, MAX_WINDOWS).flatMap((name) =>
    windowOf(spelledOut(name), {
      utilization: text(`${name}-utilization`),
      resetsAt: text(`${name}-reset`),
      status: text(`${name}-status`),
    }),
  );
  const claim = text('representative-claim');
  // A 429 without either comes from a limit of requests per minute.
  const isLimit = code === TOO_MANY_REQUESTS && (claim ?? text('overage-status')) !== undefined;
  if (!isLimit && windows.length === 0 && text('status') === undefined) return undefined;
  const reset = resetsAt.safeParse(text('reset')).data;
  return { windows, limit: isLimit ? { window: nameIn(claim), resetsAt: reset } : undefined };
}

/** What an event of the CLI says about the quota; undefined if nothing. */
export function quotaInEvent(event: unknown): QuotaReading | undefined {
  const info = rateLimitEvent.safeParse(event).data?.rate_limit_info;
  if (!info) return undefined;
  const { rateLimitType: claimed, unifiedWindows } = info;
  // Windows of single models have no entry of their own.
  const all = { ...(claimed !== undefined && { [claimed]: info }), ...unifiedWindows };
  const windows = Object.entries(all).flatMap(([name, said]) => windowOf(name, said));
  const isLimit = info.status === 'rejected' && !info.isUsingOverage;
  return {
    windows: windows.slice(0, MAX_WINDOWS),
    limit: isLimit ? { window: claimed, resetsAt: info.resetsAt } : undefined,
  };
}

function windowOf(name: string, said: unknown): QuotaWindow[] {
  const parsed = window.safeParse(said).data;
  if (!parsed || !WINDOW.test(name)) return [];
  const { utilization: used, status: state, resetsAt: reset } = parsed;
  return [
    {
      window: name,
      utilization: used,
      ...(state !== undefined && { status: state }),
      resetsAt: new Date(reset * 1000).toISOString(),
    },
  ];
}

/** Also of a window that is not known yet, such as `7d_opus`. */
function spelledOut(name: string): string {
  const known = Object.entries(ABBREVIATIONS).find(([abbreviation]) => abbreviation === name)?.[1];
  return known ?? name.replace(/^(5h|7d)_/, (_, abbreviation: '5h' | '7d') => `${ABBREVIATIONS[abbreviation]}_`);
}

function nameIn(claim: string | undefined): string | undefined {
  return claim !== undefined && WINDOW.test(claim) ? claim : undefined;
}
