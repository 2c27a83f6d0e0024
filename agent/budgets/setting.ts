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

/** Everything that is wrong with the budgets, a sentence each. @param callers the names of the callers besides the operator. */
export const budgetMistakes = (budgets: readonly BudgetSetting[], callers: readonly string[]): string[] =>
  mistakesInBudgets(budgets, [OPERATOR, ...callers]).map((mistake) => `${AGENT_ENV.budgets}${mistake}.`);
