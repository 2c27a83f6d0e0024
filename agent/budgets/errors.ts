import { wordsOf, type BudgetState } from './budget-state.ts';

/** Thrown to a client whose run was not accepted because a budget is spent. */
export class BudgetSpentError extends Error {
  override readonly name = 'BudgetSpentError';
  /** ISO 8601. */
  readonly resetsAt: string;
  /** Whole seconds until then, at least one. */
  readonly retryAfter: number;

  constructor(spent: BudgetState, now: Date) {
    super(`${wordsOf(spent)} The run was not accepted.`);
    this.resetsAt = spent.resetsAt;
    this.retryAfter = Math.max(1, Math.ceil((Date.parse(spent.resetsAt) - now.getTime()) / 1000));
  }
}
