import { budgetList } from './budget.ts';
import type { Operation } from './operation.ts';

/** The operation on budgets. */
export const BUDGET_OPERATIONS = {
  listBudgets: {
    method: 'GET',
    path: '/budgets',
    rights: ['run', 'read', 'watchdog'],
    summary: 'List budgets',
    description:
      'What runs may spend, and what they have spent. A caller without the right `read` sees its own budgets and those of all runs together.',
    answers: {
      200: {
        description: 'The budgets; an empty list if none is configured.',
        content: {
          schema: budgetList,
          example: {
            budgets: [
              { usd: 50, per: 'day', spentUsd: 12.5, leftUsd: 37.5, resetsAt: '2026-02-01T00:00:00.000Z' },
              {
                usd: 5,
                per: 'hour',
                label: 'workflow',
                value: 'invoices',
                spentUsd: 0.75,
                leftUsd: 4.25,
                resetsAt: '2026-01-31T13:00:00.000Z',
              },
            ],
          },
        },
      },
    },
    problems: [],
  },
} as const satisfies Record<string, Operation>;
