import { stillPaused } from './contract.ts';
import type { LedgerState } from './ledger/ledger.ts';
import { N8nUnavailableError } from './n8n/client.ts';
import type { Dependencies } from './reconcile.ts';
import { timeOf, TITLES } from './teams/words.ts';

/** Says what a pass would do with this state, and does nothing. n8n is only asked which workflows are published. */
export async function dryRunOf(
  before: LedgerState,
  next: LedgerState,
  { n8n, n8nTag, webhookUrl }: Pick<Dependencies, 'n8n' | 'n8nTag' | 'webhookUrl'>,
): Promise<string[]> {
  const { trouble, suspicion, maintenance, recovery } = next;
  const said: string[] = [];
  if (suspicion && suspicion.state !== before.suspicion?.state) {
    said.push(`Would wait for a second pass in a row before it believes: ${TITLES[suspicion.state]}.`);
  }
  if (trouble) said.push(`In the ledger: ${TITLES[trouble.state]}, since ${timeOf(trouble.since)}.`);
  if (maintenance) said.push(`In the ledger: maintenance since ${timeOf(maintenance.since)} (${maintenance.reason}).`);
  if ((trouble ?? maintenance) && !next.listed) said.push(await wouldPause(n8n, n8nTag));
  const back = stillPaused(next.workflows).map(({ name }) => name);
  if (back.length > 0)
    said.push(
      `${recovery ? 'Would resume' : 'Would leave paused'} ${back.length} workflow(s) of n8n: ${back.join(', ')}.`,
    );
  if (maintenance && next.agentPause && !next.agentPause.done) {
    said.push('Would pause the agent and wait until no run is going on.');
  }
  if (!maintenance && next.agentPause) said.push('Would let the agent go on.');
  if (next.card) {
    const sending =
      webhookUrl === undefined ? 'Would send a card, if a webhook were configured' : 'Would send a card to Teams';
    said.push(`${sending}: ${next.card.kind}${next.card.reminder ? ' (reminder)' : ''}.`);
  }
  return said.length === 0 ? ['Would do nothing.'] : said;
}

async function wouldPause(n8n: Dependencies['n8n'], tag: string): Promise<string> {
  if (!n8n) return 'Would pause no workflows: no n8n is configured.';
  try {
    const names = (await n8n.listPublished(tag)).map(({ name }) => name);
    return `Would pause ${names.length} workflow(s) of n8n with the tag ${tag}${names.length > 0 ? `: ${names.join(', ')}` : ''}.`;
  } catch (error) {
    if (error instanceof N8nUnavailableError) return `Would pause workflows, but ${error.message}.`;
    throw error;
  }
}
