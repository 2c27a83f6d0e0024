import { beforeEach, describe, expect, it } from 'vitest';
import { Budgets } from '../../../agent/budgets/budgets.ts';
import { periodOf } from '../../../agent/budgets/periods.ts';
import type { BudgetSetting } from '../../../agent/budgets/rules.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import { NO_OUTPUT, type EndedRun, type Run, type RunRequest } from '../../../agent/store/run.ts';
import type { RunStore } from '../../../agent/store/store.ts';
import { folder } from '../../support/folder.ts';

const SETTINGS: readonly BudgetSetting[] = [
  { usd: 10, per: 'day' },
  { usd: 4, per: 'hour', caller: 'n8n' },
  { usd: 2, per: 'month', label: 'workflow' },
];

const request = (caller?: string, labels: Record<string, string> = {}): RunRequest => ({
  prompt: 'x',
  options: {},
  labels,
  timeoutMs: 1000,
  workdir: '/w',
  ...(caller !== undefined && { caller }),
});

describe('a period', () => {
  it.each([
    ['hour', '2026-11-30T22:00:00.000Z', '2026-11-30T23:00:00.000Z'],
    ['day', '2026-11-30T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
    ['month', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
  ] as const)('of an %s is one of the calendar in UTC', (per, startsAt, resetsAt) => {
    for (const now of [startsAt, '2026-11-30T22:59:59.999Z']) {
      const inside = per === 'hour' || now !== startsAt ? now : '2026-11-30T01:00:00.000Z';
      const period = periodOf(per, new Date(inside));
      expect([period.startsAt.toISOString(), period.resetsAt.toISOString()]).toEqual([startsAt, resetsAt]);
    }
    expect(periodOf(per, new Date(resetsAt)).startsAt.toISOString()).toBe(resetsAt);
  });
});

describe('budgets', () => {
  let file: string;
  let store: RunStore;
  let now: Date;
  let budgets: Budgets;
  const reopen = () => {
    store[Symbol.dispose]();
    store = openStore(file);
    budgets = new Budgets(SETTINGS, store.spending, () => now);
  };
  beforeEach(() => {
    file = `${folder({})}/runs.db`;
    store = openStore(file);
    now = new Date();
    budgets = new Budgets(SETTINGS, store.spending, () => now);
  });

  const start = (...of: Parameters<typeof request>): Run =>
    store.begin(store.accept(request(...of), crypto.randomUUID()));
  const end = (run: Run, costUsd?: number): EndedRun => {
    const cost = costUsd === undefined ? {} : { costUsd };
    const ended = store.end(run, { ...NO_OUTPUT, outcome: 'succeeded', ...cost });
    budgets.settle(ended);
    return ended;
  };
  const spent = () => budgets.states.map(({ per, value, spentUsd }) => [per, value ?? '', spentUsd]);

  it('count each run once, by its caller and its labels, also after a restart', () => {
    end(start('n8n', { workflow: 'a' }), 1);
    end(start('n8n', { workflow: 'b' }), 0.5);
    end(start(undefined, { workflow: 'a' }), 0.25);
    end(start(undefined), 2);
    end(start('n8n'));
    const all = [
      ['day', '', 3.75],
      ['hour', '', 1.5],
      ['month', 'a', 1.25],
      ['month', 'b', 0.5],
    ];
    expect(spent()).toEqual(all);
    reopen();
    expect(spent()).toEqual(all);
  });

  it('outlive the records of runs, and begin again with their period', async () => {
    end(start('n8n', { workflow: 'a' }), 1.5);
    await store.prune({ days: 1, count: 0, megabytes: 10 });
    expect(store.list({ limit: 1 }).runs).toEqual([]);
    reopen();
    expect(spent()).toEqual([
      ['day', '', 1.5],
      ['hour', '', 1.5],
      ['month', 'a', 1.5],
    ]);
    now = periodOf('month', now).resetsAt;
    expect(spent()).toEqual([
      ['day', '', 0],
      ['hour', '', 0],
    ]);
    // The clock was wrong.
    now = new Date();
    expect(spent()[0]).toEqual(['day', '', 1.5]);
  });

  it('are nearly spent by runs in progress, and end all of them together', () => {
    const cut: string[] = [];
    const costs = new Map<string, number>();
    const follow = (name: string, run: Run) => {
      const costOf = () => costs.get(name) ?? 0;
      const end = (state: { per: string; spentUsd: number }) => cut.push(`${name} ${state.per} ${state.spentUsd}`);
      budgets.follow(run, costOf, end);
      return run;
    };
    const [a, b] = [follow('a', start('n8n', { workflow: 'x' })), follow('b', start('n8n'))];
    const other = follow('other', start(undefined, { workflow: 'x' }));
    costs.set('a', 1.5);
    budgets.look(a.id);
    costs.set('b', 2);
    budgets.look(b.id);
    expect(cut).toEqual([]);
    expect(budgets.tightest(request('n8n'))).toMatchObject({ per: 'hour', spentUsd: 3.5, leftUsd: 0.5 });
    costs.set('b', 2.5);
    budgets.look(b.id);
    budgets.look(b.id);
    expect(cut).toEqual(['a hour 4', 'b hour 4']);
    expect(() => budgets.assertLeft(request('n8n'))).toThrow(
      /^The budget of \$4\.00 an hour of the caller n8n is spent \(\$4\.00\)\. It resets at .*Z\. The run was not accepted\.$/,
    );
    expect(() => budgets.assertLeft(request())).not.toThrow();
    costs.set('other', 0.5);
    budgets.look(other.id);
    expect(cut.slice(2)).toEqual(['other month 2']);
    end(a, 1.5);
    end(b, 2.75);
    // What the record says counts.
    expect(budgets.tightest(request('n8n'))).toMatchObject({ spentUsd: 4.25, leftUsd: 0 });
  });

  it('count what a run had spent when the agent was killed, once', () => {
    let cost = 0;
    const [killed, ended] = [start('n8n', { workflow: 'x' }), start('n8n')];
    for (const run of [killed, ended])
      budgets.follow(
        run,
        () => cost,
        () => expect.unreachable(),
      );
    for (cost of [0.5, 1.25]) for (const run of [killed, ended]) budgets.look(run.id);
    end(ended, 1);
    reopen();
    const all = [
      ['day', '', 2.25],
      ['hour', '', 2.25],
      ['month', 'x', 1.25],
    ];
    expect(spent()).toEqual(all);
    end(killed);
    expect(spent()).toEqual(all);
    reopen();
    expect(spent()).toEqual(all);
  });

  it('do not count a run twice whose end is on disk when the period begins', () => {
    const run = start();
    budgets.follow(
      run,
      () => 3,
      () => undefined,
    );
    now = new Date(Date.now() - 86_400_000);
    expect(spent()[0]).toEqual(['day', '', 3]);
    const ended = store.end(run, { ...NO_OUTPUT, outcome: 'succeeded', costUsd: 3 });
    now = new Date();
    expect(spent()[0]).toEqual(['day', '', 3]);
    budgets.settle(ended);
    expect(spent()[0]).toEqual(['day', '', 3]);
  });

  it('forget what no budget can count any more', () => {
    end(start(), 1);
    expect(budgets.prune()).toBe(0);
    now = new Date(Date.now() + 41 * 86_400_000);
    expect(budgets.prune()).toBe(1);
    expect(store.spending.since('')).toEqual([]);
  });

  it('none count nothing, and refuse nothing', () => {
    const none = new Budgets([], store.spending);
    none.follow(
      start(),
      () => 5,
      () => expect.unreachable(),
    );
    expect([none.any, none.states, none.tightest(request())]).toEqual([false, [], undefined]);
  });
});
