import type { Card } from './card.ts';
import { NoAnswerError, send } from '../http/client.ts';
import type { Reply } from '../http/client.ts';

/** What became of a card. `unknown`: it was sent and no answer came. */
export type Delivery =
  { readonly kind: 'accepted' } | { readonly kind: 'refused' | 'unknown'; readonly reason: string };

const TIMEOUT_MS = 20_000;
const PATIENCE_MS = 60_000;
/** Enough to tell a page from an answer. */
const MAX_BYTES = 16 * 1024;

/**
 * Posts a card to a Teams Workflows webhook, again with back-off while Teams asks for it. Never rejects.
 * @param url a secret; it is no part of a reason.
 */
export async function postCard(url: string, card: Card): Promise<Delivery> {
  const body = {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content: card }],
  };
  const call = {
    url,
    method: 'POST',
    body,
    timeoutMs: TIMEOUT_MS,
    patienceMs: PATIENCE_MS,
    maxBytes: MAX_BYTES,
  } as const;
  try {
    return deliveryOf(await send(call));
  } catch (error) {
    if (error instanceof NoAnswerError) {
      return { kind: error.mayHaveArrived ? 'unknown' : 'refused', reason: error.message };
    }
    const why = (error instanceof Error ? error.message : String(error)).replaceAll(url, 'the webhook');
    return { kind: 'refused', reason: `the card could not be sent (${why})` };
  }
}

/**
 * A webhook of Teams Workflows answers 202 without a body. Any other 2xx will do, but for a web page: that is what a proxy, a
 * firewall or a login answers in its place, with 200 as often as by a redirect.
 */
function deliveryOf({ status, redirectsTo, ...reply }: Reply): Delivery {
  if (status >= 300 && status < 400) {
    const to = redirectsTo === undefined ? '' : ` to ${redirectsTo}`;
    return { kind: 'refused', reason: `HTTP ${status}, a redirect${to}, which no webhook answers${WRONG}` };
  }
  if (status >= 200 && status < 300) {
    if (!isPage(reply)) return { kind: 'accepted' };
    return { kind: 'refused', reason: `HTTP ${status} with a web page, which no webhook answers${WRONG}` };
  }
  return { kind: 'refused', reason: `HTTP ${status}${HINTS[status] ?? ''}` };
}

function isPage({ contentType, text }: Pick<Reply, 'contentType' | 'text'>): boolean {
  return /^(text\/html|application\/xhtml\+xml)$/.test(contentType) || /^\s*<(!doctype html|html)\b/i.test(text);
}

const WRONG =
  '; is a proxy or a login in between, or the address not that of a webhook? Config teamsWebhookUrl takes a new URL';
const GONE = '; was the workflow in Teams deleted or switched off? Config teamsWebhookUrl takes a new URL';
const HINTS: Readonly<Record<number, string>> = { 401: GONE, 403: GONE, 404: GONE, 410: GONE };
