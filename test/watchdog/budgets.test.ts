import { describe, expect, test } from 'vitest';

import * as agentContract from '../../agent/contract.ts';
import { commandsOf } from '../../watchdog/teams/commands.ts';
import { budgetCardOf } from '../../watchdog/budgets/card.ts';
import { dueWarnings, remembered, withoutReset } from '../../watchdog/budgets/warnings.ts';
import { BUDGET_WARNING } from '../../watchdog/contract.ts';
import type { Card } from '../../watchdog/teams/layout.ts';
import { budget } from './agent-double.ts';
import { parseCard, textOf } from './card-text.ts';
import { CONTEXT, EMPTY_LEDGER } from './samples.ts';

const RESETS = '2026-03-02T00:00:00.000Z';
const at = (time: string) => new Date(`2026-03-${time}:00.000Z`);

describe('budgets to tell of', () => {
  const spent = (spentUsd: number, value = 'a') =>
    budget({ spentUsd, per: 'day', label: 'workflow', value, resetsAt: RESETS });
  const due = (budgets: readonly ReturnType<typeof budget>[], state = EMPTY_LEDGER, now = at('01T12:00')) =>
    dueWarnings(budgets, state, now).map(({ value, spentUsd }) => [value, spentUsd]);

  test('are those of which the share is spent from which on everybody warns, the fullest first', () => {
    expect(BUDGET_WARNING).toBe(agentContract.BUDGET_WARNING);
    expect(due([spent(7.99, 'a'), spent(8, 'b'), spent(12, 'c')])).toEqual([
      ['c', 12],
      ['b', 8],
    ]);
  });

  test('are told of once in a period, each value for itself', () => {
    const state = { ...EMPTY_LEDGER, budgets: remembered(EMPTY_LEDGER, [spent(8)]) };
    expect(due([spent(10), spent(8, 'b')], state)).toEqual([['b', 8]]);
    expect(due([{ ...spent(10), resetsAt: '2026-03-03T00:00:00.000Z' }], withoutReset(state, at('02T00:00')))).toEqual([
      ['a', 10],
    ]);
    expect(withoutReset(state, at('01T23:59'))).toEqual(state);
    expect(withoutReset(state, at('02T00:00'))).toEqual(EMPTY_LEDGER);
  });

  test('are told of again once they were raised and nearly spent again', () => {
    const state = { ...EMPTY_LEDGER, budgets: remembered(EMPTY_LEDGER, [spent(9)]) };
    expect(due([{ ...spent(9), usd: 20 }], state)).toEqual([]);
    expect(due([{ ...spent(16), usd: 20 }], state)).toEqual([['a', 16]]);
  });

  test('are not those whose period is over by the clock here, which the agent may still list', () => {
    expect(due([spent(9)], EMPTY_LEDGER, at('02T00:00'))).toEqual([]);
  });

  test('wait for the end of a maintenance', () => {
    const maintenance = { since: RESETS, reason: 'Upgrade' };
    expect(due([spent(9)], { ...EMPTY_LEDGER, maintenance })).toEqual([]);
  });

  test('that thousands of values have reached still fit into a ConfigMap', () => {
    const all = Array.from({ length: 5000 }, (_, index) => spent(9, `${index}`.padEnd(200, 'ä')));
    const budgets = remembered(EMPTY_LEDGER, all, RESETS);
    expect(new Set(budgets.map(({ id }) => id)).size).toBe(5000);
    expect(JSON.stringify(budgets).length).toBeLessThan(600_000);
  });
});

describe('the card about budgets', () => {
  const draw = (budgets: readonly ReturnType<typeof budget>[], context: Partial<typeof CONTEXT> = {}): Card =>
    budgetCardOf(budgets, { ...CONTEXT, ...context }, false);

  test('names each budget, what is spent and left, when it resets, what happens then, and what to do', () => {
    const card = draw([
      budget({ usd: 50, spentUsd: 50.004, resetsAt: RESETS }),
      budget({ usd: 0.05, spentUsd: 0.0449, per: 'hour', caller: 'n8n-prod', resetsAt: RESETS }),
      budget({ usd: 2000, spentUsd: 1700, per: 'month', label: 'workflow', value: 'Invoices\n"EU"', resetsAt: RESETS }),
    ]);
    expect(card['fallbackText']).toBe('3 Claude budgets are spent or nearly spent');
    for (const said of [
      '• $50.00 per day for all runs: $50.00 spent (100 %), nothing left; it resets at 2026-03-02 00:00 UTC',
      '• $0.05 per hour for caller n8n-prod: $0.0449 spent (89 %), $0.0051 left; it resets at',
      String.raw`• $2,000.00 per month for workflow "Invoices\n\"EU\"": $1,700.00 spent (85 %), $300.00 left; it resets at`,
      'HTTP 429',
      'raise it in config budgets (Pulumi.dev.yaml), then: npm run up',
    ]) {
      expect(textOf(card)).toContain(said);
    }
    expect((card['body'] as { style?: string }[])[0]?.style).toBe('warning');
  });

  test.each([
    [[9], 'A Claude budget is nearly spent'],
    [[10], 'A Claude budget is spent'],
    [[9, 8], '2 Claude budgets are nearly spent'],
    [[10, 11], '2 Claude budgets are spent'],
  ])('with %j of 10 dollars spent is titled "%s"', (spent, title) => {
    expect(draw(spent.map((spentUsd) => budget({ spentUsd })))['fallbackText']).toBe(title);
  });

  test('leads to the status page and n8n, and names the stack if it is not the usual one', () => {
    const card = draw([budget()], { pageUrl: 'https://agent.example.com/', commands: commandsOf('stack', 'prod') });
    expect(card['actions']).toEqual([
      { type: 'Action.OpenUrl', title: 'Open status page', url: 'https://agent.example.com/' },
      { type: 'Action.OpenUrl', title: 'Open n8n', url: 'https://n8n.example.com' },
    ]);
    expect(textOf(card)).toContain('(Pulumi.prod.yaml), then: npm run up -- --stack prod');
  });

  test('lists ten of many, counts the rest, and stays below what Teams takes with the longest names', () => {
    const long = '\u{1F4A5}'.repeat(500);
    const many = Array.from({ length: 500 }, () => budget({ caller: 'c'.repeat(63), label: long, value: long }));
    const card = draw(many);
    expect(textOf(card)).toContain('Budgets (500)');
    expect(textOf(card)).toContain('… and 490 more');
    expect(Buffer.byteLength(JSON.stringify(card))).toBeLessThan(26_000);
    const { problems, understood } = parseCard(card);
    expect(problems).toEqual([]);
    expect({ ...card, ...(understood as object) }).toEqual(card);
  });
});
