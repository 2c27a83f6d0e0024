import { z } from 'zod';
import { BUDGET_PERIODS } from '../../contract.ts';
import { component, time, type Sent } from './component.ts';

const usd = z.number().nonnegative();

/** The response of `GET /budgets`. */
export const budgetList = component(
  'Budgets',
  z.object({
    budgets: z
      .array(
        component(
          'Budget',
          z.object({
            usd: usd.describe('The amount, in US dollars.'),
            per: z.enum(BUDGET_PERIODS).describe('The period: an hour, a day or a month of the calendar in UTC.'),
            caller: z
              .string()
              .describe('Only runs of this caller count. Without it, those of all callers do.')
              .optional(),
            label: z.string().describe('Each value of this label has a budget of its own.').optional(),
            value: z.string().describe('With `label`: the value that this entry is about.').optional(),
            spentUsd: usd.describe(
              'What runs have spent in this period. Runs in progress count with what they have spent so far.',
            ),
            leftUsd: usd.describe('What is left; 0 if runs are refused.'),
            resetsAt: time.describe('When the next period begins.'),
          }),
        ),
      )
      .describe(
        'In the order of the configuration. A budget of a label has an entry for each value that has spent something, the highest first, at most 100.',
      ),
  }),
);

export type BudgetList = Sent<typeof budgetList>;
