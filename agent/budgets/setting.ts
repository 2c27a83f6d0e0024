import { z } from 'zod';
import { AGENT_ENV, OPERATOR } from '../contract.ts';
import { jsonOf } from '../json.ts';
import { BUDGETS_ALLOWED, mistakesInBudgets, type BudgetSetting } from './rules.ts';

/** The setting with the budgets, as JSON. Its items are checked by {@link budgetMistakes}, which needs the callers. */
export const budgetsSetting = z
  .string()
  .default('[]')
  .transform((text, context): readonly BudgetSetting[] => {
    const value = jsonOf(text);
    if (Array.isArray(value)) return value as readonly BudgetSetting[];
    context.addIssue(BUDGETS_ALLOWED);
    return z.NEVER;
  });

interface Checked {
  readonly budgets?: readonly BudgetSetting[];
  readonly callers?: readonly { readonly name: string }[];
}

/**
 * Everything that is wrong with the budgets, a sentence each. What is missing is invalid itself: nothing is said then, because
 * without the callers it is unknown who may have a budget.
 */
export function budgetMistakes({ budgets, callers }: Checked): string[] {
  if (!budgets || !callers) return [];
  const names = [OPERATOR, ...callers.map(({ name }) => name)];
  return mistakesInBudgets(budgets, names).map((mistake) => `${AGENT_ENV.budgets}${mistake}.`);
}
