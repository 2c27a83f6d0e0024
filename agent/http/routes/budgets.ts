import type { Handler } from 'hono';
import type { BudgetState } from '../../budgets/budget-state.ts';
import type { Budgets } from '../../budgets/budgets.ts';
import { isAllowed, type Caller } from '../../callers/callers.ts';
import type { BudgetList } from '../api/budget.ts';
import { callerOf } from '../bearer.ts';

/** `GET /budgets`: what runs may spend, and what they have spent. */
export function listBudgets(budgets: Budgets): Handler {
  return (c) => {
    const caller = callerOf(c);
    return c.json({ budgets: budgets.states.filter((state) => mayKnow(caller, state)) } satisfies BudgetList);
  };
}

/** The values of a label may be those of other callers. */
function mayKnow(caller: Caller, { caller: owner, label }: BudgetState): boolean {
  if (isAllowed(caller, ['read', 'watchdog'])) return true;
  return owner === undefined ? label === undefined : owner === caller.name;
}
