import type { CardContext } from '../teams/card.ts';
import { capped, layOut, short } from '../teams/layout.ts';
import type { Card } from '../teams/layout.ts';
import { timeOf } from '../teams/words.ts';
import type { Budget } from './budget.ts';

const MAX_LINES = 10;

/**
 * Draws the card about budgets that are nearly spent. Pure.
 * @param budgets one at least.
 * @param mayRepeat an earlier attempt to send it may have arrived.
 */
export function budgetCardOf(
  budgets: readonly Budget[],
  { commands, pageUrl, n8nUrl }: Pick<CardContext, 'commands' | 'pageUrl' | 'n8nUrl'>,
  mayRepeat: boolean,
): Card {
  const spent = budgets.filter(({ leftUsd }) => leftUsd === 0).length;
  return layOut(
    {
      style: 'warning',
      title: titleOf(budgets.length, spent),
      lead: 'When a budget is spent, the agent refuses its runs with HTTP 429 until it resets, and ends those in progress.',
      facts: [],
      blocks: [
        { heading: `Budgets (${budgets.length})`, lines: capped(budgets.map(lineOf), MAX_LINES) },
        {
          heading: 'What to do',
          lines: [
            "Look at the agent's status page: which runs cost so much, and are they meant to? Stop a workflow in a loop in n8n.",
            `If a budget is too small, ${commands.raiseBudget}`,
          ],
        },
      ],
      buttons: [
        { title: 'Open status page', url: pageUrl },
        { title: 'Open n8n', url: n8nUrl },
      ],
    },
    mayRepeat,
  );
}

function titleOf(all: number, spent: number): string {
  const state = spent === 0 ? 'nearly spent' : spent === all ? 'spent' : 'spent or nearly spent';
  return all === 1 ? `A Claude budget is ${state}` : `${all} Claude budgets are ${state}`;
}

function lineOf(budget: Budget): string {
  const { spentUsd, usd, leftUsd, resetsAt } = budget;
  const percent = Math.floor((spentUsd / usd) * 100);
  const left = leftUsd === 0 ? 'nothing left' : `${dollars(leftUsd)} left`;
  return `• ${nameOf(budget)}: ${dollars(spentUsd)} spent (${percent} %), ${left}; it resets at ${timeOf(resetsAt)}`;
}

function nameOf({ usd, per, caller, label, value = '' }: Budget): string {
  const whose = [
    ...(caller === undefined ? [] : [`caller ${caller}`]),
    ...(label === undefined ? [] : [`${short(label)} ${JSON.stringify(short(value))}`]),
  ];
  return `${dollars(usd)} per ${per}${whose.length === 0 ? ' for all runs' : ` for ${whose.join(', ')}`}`;
}

/** An amount; one below a dollar with as many digits as it needs. */
const dollars = (usd: number): string =>
  `$${usd.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: usd < 1 ? 4 : 2 })}`;
