import { dollars } from '../dollars.ts';
import type { BudgetSetting } from './rules.ts';

/** What has been spent of a budget in its period, in US dollars. */
export interface BudgetState extends BudgetSetting {
  /** The value of the label, for a budget of one. */
  readonly value?: string;
  /** By runs that ended, and by those in progress so far. */
  readonly spentUsd: number;
  /** Never negative. */
  readonly leftUsd: number;
  /** ISO 8601. */
  readonly resetsAt: string;
}

/** That a budget is spent, in sentences. */
export function wordsOf({ usd, per, caller, label, value, spentUsd, resetsAt }: BudgetState): string {
  const whose = [
    ...(caller === undefined ? [] : [`of the caller ${caller}`]),
    ...(label === undefined ? [] : [`of runs with the label ${label}=${JSON.stringify(value?.slice(0, 100))}`]),
  ];
  const named = [`The budget of ${dollars(usd)} ${A_PERIOD[per]}`, ...whose].join(' ');
  return `${named} is spent (${dollars(spentUsd)}). It resets at ${resetsAt}.`;
}

/** How often a budget begins again, after its amount. */
export const A_PERIOD = { hour: 'an hour', day: 'a day', month: 'a month' } as const;
