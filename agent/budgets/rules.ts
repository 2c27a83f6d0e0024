import { BUDGET_PERIODS, MAX_BUDGETS, type BudgetPeriod } from '../contract.ts';
import { isObject, mistakesInList, shown } from '../rule-values.ts';

/** A budget as it is configured; the same in the agent's settings and in the config of the stack. */
export interface BudgetSetting {
  readonly usd: number;
  readonly per: BudgetPeriod;
  /** Only runs of this caller count; undefined for all. */
  readonly caller?: string;
  /** Each value of this label has a budget of its own, and runs without the label have none; undefined for one of all runs. */
  readonly label?: string;
}

/** What a list of budgets looks like. */
export const BUDGETS_ALLOWED = 'a list of budgets, such as [{"usd": 50, "per": "day"}]';

const KEYS = ['usd', 'per', 'caller', 'label'];
const MAX_USD = 1_000_000;

/** What identifies a budget among others: everything but its amount. */
const keyOf = ({ per, caller = '', label = '' }: Omit<BudgetSetting, 'usd'>) => JSON.stringify([per, caller, label]);

/**
 * Everything that is wrong with a list of budgets, a clause each that begins with the place.
 * @param callers the names of all callers.
 */
export function mistakesInBudgets(value: unknown, callers: readonly string[]): string[] {
  const list = { allowed: BUDGETS_ALLOWED, most: MAX_BUDGETS, keys: KEYS };
  return mistakesInList(value, list, (item, at) => mistakesInBudget(item, at, callers), twice);
}

function twice(items: readonly unknown[]): string[] {
  const keys = items.map((item) => (isObject(item) ? keyOf(item as never) : undefined));
  return keys.flatMap((key, at) => {
    const first = keys.indexOf(key);
    return key === undefined || first === at ? [] : [`[${at}] has the same per, caller and label as [${first}]`];
  });
}

function mistakesInBudget(
  { usd, per, caller, label, ...others }: Readonly<Record<string, unknown>>,
  at: string,
  callers: readonly string[],
): string[] {
  const periods: readonly unknown[] = BUDGET_PERIODS;
  const isAmount = typeof usd === 'number' && usd > 0 && usd <= MAX_USD;
  const isLabel = label === undefined || (typeof label === 'string' && label.length >= 1 && label.length <= 64);
  const isCaller = caller === undefined || (typeof caller === 'string' && callers.includes(caller));
  return [
    ...(isAmount ? [] : [`${at}.usd is ${shown(usd)}; it must be a number over 0, at most ${MAX_USD}`]),
    ...(periods.includes(per) ? [] : [`${at}.per is ${shown(per)}; it must be one of ${BUDGET_PERIODS.join(', ')}`]),
    ...(isCaller ? [] : [`${at}.caller is ${shown(caller)}; it must be one of the callers ${callers.join(', ')}`]),
    ...(isLabel ? [] : [`${at}.label is ${shown(label)}; it must be the name of a label, 1 to 64 characters`]),
    ...Object.keys(others).map((key) => `${at}.${key} is unknown; a budget has ${KEYS.join(', ')}`),
  ];
}
