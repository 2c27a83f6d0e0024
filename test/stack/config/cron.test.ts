import { describe, expect, test } from 'vitest';

import { isCron, lastDue } from '../../../stack/config/cron.ts';

const NOW = new Date('2026-11-28T01:10:00Z');

describe('a schedule', () => {
  test.each([
    ['0 */2 * * *', 'Etc/UTC', '2026-11-28T00:00:00.000Z'],
    ['*/30 * * * *', 'Etc/UTC', '2026-11-28T01:00:00.000Z'],
    ['5/15 0 ? * 0-6', 'Etc/UTC', '2026-11-28T00:50:00.000Z'],
    ['0 9 * * MON-FRI', 'Etc/UTC', '2026-11-27T09:00:00.000Z'],
    ['0 0 1 * 5', 'Etc/UTC', '2026-11-27T00:00:00.000Z'],
    ['0 9 * * *', 'Asia/Kathmandu', '2026-11-27T03:15:00.000Z'],
  ])('%s in %s was last due at %s', (schedule, timeZone, due) => {
    expect(lastDue(schedule, timeZone, NOW)?.toISOString()).toBe(due);
  });

  test('that never occurs was never due', () => {
    expect(isCron('0 0 31 2 *')).toBe(true);
    expect(lastDue('0 0 31 2 *', 'Etc/UTC', NOW)).toBeUndefined();
  });

  test.each([
    '* * L * *',
    '* * 15W * *',
    '* * * * 5#2',
    '* * * * 5L',
    '/2 * * * *',
    '* * * * 6-7',
    '* * * * sun,7',
    '0 * * * * *',
  ])('%j is rejected, as the API server rejects it', (schedule) => {
    expect(isCron(schedule)).toBe(false);
  });
});
