import { dueWarnings } from './budgets/warnings.ts';
import { stillPaused } from './contract.ts';
import type { LedgerState } from './ledger/ledger.ts';
import { N8nUnavailableError } from './n8n/client.ts';
import type { Dependencies } from './reconcile.ts';
import { timeOf, TITLES } from './teams/words.ts';

/** Describes what a pass would do with this state. Asks n8n which workflows are published, and does nothing else. */
export async function dryRunOf(
  before: LedgerState,
  next: LedgerState,
  { n8n, n8nTag, webhookUrl, budgets }: Pick<Dependencies, 'n8n' | 'n8nTag' | 'webhookUrl' | 'budgets'>,
): Promise<string[]> {
  const { trouble, suspicion, maintenance, recovery } = next;
  const lines: string[] = [];
  if (suspicion && suspicion.state !== before.suspicion?.state) {
    lines.push(`Would wait for a second pass to confirm: ${TITLES[suspicion.state]}.`);
  }
  if (trouble) lines.push(`Ledger: ${TITLES[trouble.state]} since ${timeOf(trouble.since)}.`);
  if (maintenance) lines.push(`Ledger: maintenance since ${timeOf(maintenance.since)} (${maintenance.reason}).`);
  if ((trouble ?? maintenance) && !next.listed) lines.push(await wouldPause(n8n, n8nTag));
  const paused = stillPaused(next.workflows).map(({ name }) => name);
  if (paused.length > 0)
    lines.push(
      `${recovery ? 'Would resume' : 'Would leave paused'} ${paused.length} workflow(s) in n8n: ${paused.join(', ')}.`,
    );
  if (maintenance && next.agentPause && !next.agentPause.done) {
    lines.push('Would pause the agent and wait until no run is active.');
  }
  if (!maintenance && next.agentPause) lines.push('Would resume the agent.');
  const sending =
    webhookUrl === undefined ? 'Would send a card if a webhook were configured' : 'Would send a card to Teams';
  if (next.card) lines.push(`${sending}: ${next.card.kind}${next.card.reminder ? ' (reminder)' : ''}.`);
  const nearlySpent = dueWarnings(budgets, next, new Date()).length;
  if (nearlySpent > 0) lines.push(`${sending}: ${nearlySpent} budget(s) nearly spent.`);
  return lines.length === 0 ? ['Would do nothing.'] : lines;
}

async function wouldPause(n8n: Dependencies['n8n'], tag: string): Promise<string> {
  if (!n8n) return 'Would pause no workflows because no n8n is configured.';
  try {
    const names = (await n8n.listPublished(tag)).map(({ name }) => name);
    return `Would pause ${names.length} workflow(s) in n8n with the tag ${tag}${names.length > 0 ? `: ${names.join(', ')}` : ''}.`;
  } catch (error) {
    if (error instanceof N8nUnavailableError) return `Would pause workflows, but ${error.message}.`;
    throw error;
  }
}
