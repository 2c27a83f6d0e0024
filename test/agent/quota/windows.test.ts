import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Quota } from '../../../agent/quota/quota.ts';
import { quotaInEvent, quotaInHeaders } from '../../../agent/quota/windows.ts';
import { failureOf } from '../../doubles/anthropic/failures.ts';

const NOW = Date.parse('2026-01-31T12:00:00.000Z');
const seconds = (ms: number) => Math.floor((NOW + ms) / 1000);
const HOUR = 3_600_000;
const at = (ms: number) => new Date(NOW + ms).toISOString();
const P = 'anthropic-ratelimit-unified-';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW }));
afterEach(() => void vi.useRealTimers());

const headersOf = (name: string, utilization: string, reset: string) => ({
  [`${P}${name}-utilization`]: utilization,
  [`${P}${name}-reset`]: reset,
});

describe('the headers of a response', () => {
  it('say how much of each window is used, and when it resets', () => {
    const headers = {
      [`${P}status`]: 'allowed',
      ...headersOf('5h', '0.42', String(seconds(HOUR))),
      [`${P}5h-status`]: 'allowed_warning',
      ...headersOf('7d', '1.02', String(seconds(2 * HOUR))),
      ...headersOf('7d_oi', '0', String(seconds(3 * HOUR))),
      ...headersOf('7d_opus', '0.5', String(seconds(3 * HOUR))),
    };
    expect(quotaInHeaders(200, headers)).toEqual({
      windows: [
        { window: 'five_hour', utilization: 0.42, status: 'allowed_warning', resetsAt: at(HOUR) },
        { window: 'seven_day', utilization: 1.02, resetsAt: at(2 * HOUR) },
        { window: 'seven_day_overage_included', utilization: 0, resetsAt: at(3 * HOUR) },
        { window: 'seven_day_opus', utilization: 0.5, resetsAt: at(3 * HOUR) },
      ],
      limit: undefined,
    });
  });

  it('name the limit with which a request was refused', () => {
    expect(quotaInHeaders(429, failureOf('usage_limit', '3600').headers ?? {})).toEqual({
      windows: [{ window: 'five_hour', utilization: 1, status: 'rejected', resetsAt: at(HOUR) }],
      limit: { window: 'five_hour', resetsAt: seconds(HOUR) },
    });
    expect(quotaInHeaders(429, failureOf('usage_limit', 'none').headers ?? {})).toEqual({
      windows: [],
      limit: { window: 'five_hour', resetsAt: undefined },
    });
  });

  it('of an answer name no limit, also while more than the window is paid for', () => {
    const { headers = {} } = failureOf('usage_limit', '3600');
    expect(quotaInHeaders(200, headers)?.limit).toBeUndefined();
  });

  it.each([
    ['none', {}],
    ['those of a limit of requests', { 'retry-after': '1', 'anthropic-ratelimit-requests-remaining': '0' }],
  ])('say nothing: %s', (_, headers) => {
    expect([quotaInHeaders(200, headers), quotaInHeaders(429, headers)]).toEqual([undefined, undefined]);
  });

  it.each([
    ['5h', 'much', '1800000000'],
    ['5h', '-0.1', '1800000000'],
    ['5h', '0.5', 'soon'],
    ['5h', '0.5', ''],
    ['5h', '0.5', '0'],
    ['5h', '0.5', '1e300'],
    ['grace-5h', '0.5', '1800000000'],
    ['x'.repeat(41), '0.5', '1800000000'],
  ])('with nonsense are passed by: %s, utilization %j, reset %j', (name, utilization, reset) => {
    const headers = { [`${P}status`]: 'allowed', ...headersOf(name, utilization, reset) };
    expect(quotaInHeaders(200, headers)).toEqual({ windows: [], limit: undefined });
  });
});

describe('an event of the CLI', () => {
  const event = (info: object) => ({ type: 'rate_limit_event', rate_limit_info: info });

  it('says the same as the headers', () => {
    const said = event({
      status: 'rejected',
      resetsAt: seconds(HOUR),
      rateLimitType: 'five_hour',
      isUsingOverage: false,
      unifiedWindows: { five_hour: { utilization: 1, resetsAt: seconds(HOUR), status: 'rejected' } },
    });
    expect(quotaInEvent(said)).toEqual(quotaInHeaders(429, failureOf('usage_limit', '3600').headers ?? {}));
  });

  it('also names a window that only the limit itself names', () => {
    const said = event({
      status: 'allowed',
      resetsAt: seconds(HOUR),
      rateLimitType: 'seven_day_opus',
      utilization: 0.8,
    });
    expect(quotaInEvent(said)?.windows).toEqual([
      { window: 'seven_day_opus', utilization: 0.8, status: 'allowed', resetsAt: at(HOUR) },
    ]);
  });

  it('names no limit while more than the window is paid for', () => {
    const said = { status: 'rejected', resetsAt: seconds(HOUR), rateLimitType: 'five_hour' };
    expect(quotaInEvent(event({ ...said, isUsingOverage: true }))?.limit).toBeUndefined();
    expect(quotaInEvent(event(said))?.limit).toBeDefined();
  });

  it.each([undefined, 'x', {}, { type: 'rate_limit_event' }, event({}), { type: 'result', status: 'rejected' }])(
    '%j says nothing',
    (value) => {
      expect(quotaInEvent(value)).toBeUndefined();
    },
  );

  it('with nonsense in it says what the rest says', () => {
    const said = event({
      status: 'allowed',
      resetsAt: 'soon',
      rateLimitType: '<b>',
      unifiedWindows: { 'a b': { utilization: 1, resetsAt: 5 }, five_hour: { utilization: null }, seven_day: 7 },
    });
    expect(quotaInEvent(said)).toEqual({ windows: [], limit: undefined });
    expect(quotaInEvent(event({ status: 'allowed', unifiedWindows: [] }))).toEqual({ windows: [], limit: undefined });
  });
});

describe('what is known about the quota', () => {
  const window = (name: string, utilization: number, ms = HOUR) => ({
    window: name,
    utilization,
    resetsAt: at(ms),
  });
  const limitOf = (name: string | undefined) => ({ windows: [], limit: { window: name, resetsAt: seconds(HOUR) } });

  it('is the latest word about each window, until that resets', () => {
    const quota = new Quota();
    quota.take({ windows: [window('five_hour', 0.5), window('seven_day', 0.1, 2 * HOUR)], limit: undefined });
    quota.take({ windows: [window('five_hour', 0.6)], limit: undefined });
    expect(quota.windows.map(({ window: name, utilization }) => [name, utilization])).toEqual([
      ['five_hour', 0.6],
      ['seven_day', 0.1],
    ]);
    vi.setSystemTime(NOW + HOUR);
    expect(quota.windows.map(({ window: name }) => name)).toEqual(['seven_day']);
    quota.forget();
    expect(quota.windows).toEqual([]);
  });

  it('has eight windows at most, and room again when one has reset', () => {
    const quota = new Quota();
    const names = Array.from({ length: 9 }, (_, i) => `w${i}`);
    for (const [i, name] of names.entries()) quota.take({ windows: [window(name, 0, HOUR + i)], limit: undefined });
    expect(quota.windows.map(({ window: name }) => name)).toEqual(names.slice(0, 8));
    vi.setSystemTime(NOW + HOUR);
    quota.take({ windows: [window('w9', 0, 2 * HOUR)], limit: undefined });
    expect(quota.windows.map(({ window: name }) => name)).toEqual([...names.slice(1, 8), 'w9']);
  });

  it.each([
    ['five_hour', true],
    ['seven_day', true],
    ['overage', true],
    [undefined, true],
    ['seven_day_opus', false],
    ['seven_day_overage_included', false],
  ])('says that the limit %s stops all runs: %s', (name, expected) => {
    const quota = new Quota();
    quota.take(limitOf(name));
    expect(quota.stopsAllRuns(at(HOUR))).toBe(expected);
  });

  it('stops no run for a limit that Anthropic did not tell, or has lifted since', () => {
    const quota = new Quota();
    expect(quota.stopsAllRuns(at(HOUR))).toBe(false);
    quota.take(limitOf('five_hour'));
    expect(quota.stopsAllRuns(at(2 * HOUR))).toBe(false);
    quota.take({ windows: [window('five_hour', 0.1)], limit: undefined });
    expect(quota.stopsAllRuns(at(HOUR))).toBe(false);
  });
});
