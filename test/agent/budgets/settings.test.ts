import { describe, expect, it } from 'vitest';
import { mistakesInBudgets } from '../../../agent/budgets/rules.ts';
import { readSettings, SettingsError } from '../../../agent/settings.ts';

const CALLERS = JSON.stringify([{ name: 'n8n', sha256: ['a'.repeat(64)], may: ['run'] }]);

const mistakes = (budgets: unknown): readonly string[] => {
  const text = typeof budgets === 'string' ? budgets : JSON.stringify(budgets);
  try {
    readSettings({ AGENT_BUDGETS: text, AGENT_CALLERS: CALLERS });
    return [];
  } catch (error) {
    return (error as SettingsError).mistakes;
  }
};

describe('the budgets in the settings', () => {
  it('may be of all runs, of a caller, and of each value of a label', () => {
    const budgets = [
      { usd: 200, per: 'month' },
      { usd: 0.5, per: 'hour', caller: 'n8n' },
      { usd: 5, per: 'day', caller: 'operator', label: 'workflow' },
    ];
    const env = { AGENT_BUDGETS: JSON.stringify(budgets), AGENT_CALLERS: CALLERS };
    expect(readSettings(env).budgets).toEqual(budgets);
    expect(readSettings({}).budgets).toEqual([]);
  });

  it('are reported with all mistakes at once', () => {
    expect(
      mistakes([
        { usd: 0, per: 'day' },
        { usd: -1, per: 'week' },
        { usd: '5', per: 'day', caller: 'nobody', label: '' },
        { per: 'month', limit: 5 },
        5,
        { usd: 7, per: 'day' },
      ]),
    ).toEqual([
      'AGENT_BUDGETS[0].usd is 0; it must be a number over 0, at most 1000000.',
      'AGENT_BUDGETS[1].usd is -1; it must be a number over 0, at most 1000000.',
      'AGENT_BUDGETS[1].per is "week"; it must be one of hour, day, month.',
      'AGENT_BUDGETS[2].usd is "5"; it must be a number over 0, at most 1000000.',
      'AGENT_BUDGETS[2].caller is "nobody"; it must be one of the callers operator, n8n.',
      'AGENT_BUDGETS[2].label is ""; it must be the name of a label, 1 to 64 characters.',
      'AGENT_BUDGETS[3].usd is missing; it must be a number over 0, at most 1000000.',
      'AGENT_BUDGETS[3].limit is unknown; a budget has usd, per, caller, label.',
      'AGENT_BUDGETS[4] must be an object with usd, per, caller, label.',
      'AGENT_BUDGETS[5] has the same per, caller and label as [0].',
    ]);
    expect(mistakes('50')).toEqual([expect.stringContaining('must be a list of budgets, such as [{"usd": 50')]);
    expect(mistakesInBudgets(Array(51).fill({}), [])[0]).toBe('there are 51, and at most 50 are allowed');
    expect(mistakesInBudgets({}, [])).toEqual(['it must be a list of budgets, such as [{"usd": 50, "per": "day"}]']);
  });
});
