import type { Card } from './card.ts';
import { NoAnswerError, send } from './http.ts';

/** What became of a card. `unknown`: it was sent and no answer came. */
export type Delivery =
  { readonly kind: 'accepted' } | { readonly kind: 'refused' | 'unknown'; readonly reason: string };

const TIMEOUT_MS = 20_000;
const PATIENCE_MS = 60_000;

/**
 * Posts a card to a Teams Workflows webhook, again with back-off while Teams asks for it. Never rejects.
 * @param url a secret; it is no part of a reason.
 */
export async function postCard(url: string, card: Card): Promise<Delivery> {
  const body = {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content: card }],
  };
  try {
    const { status } = await send({ url, method: 'POST', body, timeoutMs: TIMEOUT_MS, patienceMs: PATIENCE_MS });
    if (status >= 200 && status < 300) return { kind: 'accepted' };
    return { kind: 'refused', reason: `HTTP ${status}${HINTS[status] ?? ''}` };
  } catch (error) {
    if (!(error instanceof NoAnswerError)) return { kind: 'refused', reason: 'the card could not be sent' };
    return { kind: error.mayHaveArrived ? 'unknown' : 'refused', reason: error.message };
  }
}

const GONE = '; was the workflow in Teams deleted or switched off? Config teamsWebhookUrl takes a new URL';
const HINTS: Readonly<Record<number, string>> = { 401: GONE, 403: GONE, 404: GONE, 410: GONE };
