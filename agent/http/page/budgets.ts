import { html } from 'hono/html';
import { A_PERIOD, type BudgetState } from '../../budgets/budget-state.ts';
import { BUDGET_WARNING } from '../../contract.ts';
import { dollars } from '../../dollars.ts';
import { heading, left, row, table, type Html } from './parts.ts';
import type { Status } from './status.ts';
import { count } from './words.ts';

/** How many are shown, the fullest first. */
const SHOWN = 10;

/** What runs may spend, and what they have spent; nothing without budgets. */
export function budgets({ budgets: all, now }: Status): Html | string {
  if (all.length === 0) return '';
  const fullest = all.toSorted((a, b) => shareOf(b) - shareOf(a));
  const rows = fullest.slice(0, SHOWN).map((budget, i) =>
    row(`budget-${i}`, {
      Budget: html`${dollars(budget.usd)} ${A_PERIOD[budget.per]}`,
      Of: whose(budget),
      Spent: spent(budget),
      Left: budget.leftUsd === 0 ? 'nothing: runs are refused' : dollars(budget.leftUsd),
      'Resets in': left(Date.parse(budget.resetsAt), now),
    }),
  );
  const hidden = all.length - rows.length;
  return html`<section id="budgets" aria-labelledby="budgets-title">
    ${heading('budgets', 'Budgets')} ${table('budgets-title', ['Budget', 'Of', 'Spent', 'Left', 'Resets in'], rows)}
    ${hidden > 0 ? html`<p class="quiet">${count(hidden, 'more budget')} with less spent of them.</p>` : ''}
  </section>`;
}

const shareOf = ({ spentUsd, usd }: BudgetState) => spentUsd / usd;

function whose({ caller, label, value }: BudgetState): Html | string {
  if (caller === undefined && label === undefined) return 'all runs';
  const of = caller === undefined ? '' : html`<p class="lane">Caller <bdi>${caller}</bdi></p>`;
  const labelled =
    label === undefined
      ? ''
      : html`<p class="lane"><bdi>${label}</bdi> <bdi class="name" title="${value ?? ''}">${value ?? ''}</bdi></p>`;
  return html`${of}${labelled}`;
}

function spent(budget: BudgetState): Html {
  const share = shareOf(budget);
  const percent = `${Math.floor(share * 100)} %`;
  const words = html`${dollars(budget.spentUsd)} (${percent})`;
  return html`<progress max="1" value="${Math.min(1, share)}" aria-label="Share of the budget"></progress>
    ${share >= BUDGET_WARNING ? html`<b>${words}</b>` : words}`;
}
