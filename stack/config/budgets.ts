import { BUDGETS_ALLOWED, mistakesInBudgets } from '../../agent/budgets/rules.ts';
import type { BudgetSetting } from '../../agent/budgets/rules.ts';
import type { CallerSetting } from '../../agent/callers/rules.ts';
import { OPERATOR } from '../../agent/contract.ts';
import type { ConfigReader } from './reader.ts';

/**
 * Reads how much runs may spend in a period. The agent checks the same when it starts.
 * @param callers as they were read: their mistakes are reported, but still in them.
 */
export function readBudgets(
  read: ConfigReader,
  callers: readonly (Partial<CallerSetting> | null)[],
): readonly BudgetSetting[] {
  const names = [OPERATOR, ...callers.flatMap((caller) => caller?.name ?? [])];
  const mistakesIn = (items: readonly unknown[]) => mistakesInBudgets(items, names);
  return read.checkedList('budgets', BUDGETS_ALLOWED, mistakesIn) as readonly BudgetSetting[];
}
