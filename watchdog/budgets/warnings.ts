import { BUDGET_WARNING } from '../contract.ts';
import type { LedgerState } from '../ledger/ledger.ts';
import { idOf } from './budget.ts';
import type { Budget } from './budget.ts';

/**
 * The budgets that a card has to tell of: nearly spent, not told of in their period, or told of by a card of which it is
 * unknown whether it arrived. The fullest first; none during a maintenance.
 */
export function dueWarnings(budgets: readonly Budget[], state: LedgerState, now: Date): Budget[] {
  if (state.maintenance) return [];
  const told = new Set((state.budgets ?? []).flatMap(({ id, attemptedAt }) => (attemptedAt === undefined ? [id] : [])));
  return budgets
    .filter(({ usd, spentUsd }) => spentUsd >= BUDGET_WARNING * usd)
    .filter((budget) => Date.parse(budget.resetsAt) > now.getTime() && !told.has(idOf(budget)))
    .toSorted((a, b) => b.spentUsd / b.usd - a.spentUsd / a.usd);
}

/** When a card about any of these was sent last, if it is unknown whether it arrived. */
export function attemptOf(due: readonly Budget[], { budgets = [] }: LedgerState): string | undefined {
  const ids = new Set(due.map(idOf));
  const attempts = budgets.flatMap(({ id, attemptedAt }) => (ids.has(id) ? (attemptedAt ?? []) : []));
  return attempts.sort().at(-1);
}

/** Forgets the budgets that have been reset. */
export function withoutReset(state: LedgerState, now: Date): LedgerState {
  const { budgets, ...others } = state;
  const left = budgets?.filter(({ resetsAt }) => Date.parse(resetsAt) > now.getTime()) ?? [];
  return left.length === 0 ? others : { ...others, budgets: left };
}

/**
 * The ledger's budgets with these, of which a card tells.
 * @param attemptedAt when it is sent; undefined once it has arrived.
 */
export function remembered(state: LedgerState, told: readonly Budget[], attemptedAt?: string) {
  const entries = told.map((budget) => ({ id: idOf(budget), resetsAt: budget.resetsAt, attemptedAt }));
  const ids = new Set(entries.map(({ id }) => id));
  return [...(state.budgets ?? []).filter(({ id }) => !ids.has(id)), ...entries];
}
