import type { Card } from './layout.ts';
import { backoff, NoAnswerError, send } from '../http/client.ts';
import type { Reply } from '../http/client.ts';

/** What became of a card. `unknown`: it was sent, but no answer came. */
export type Delivery =
  { readonly kind: 'accepted' } | { readonly kind: 'refused' | 'unknown'; readonly reason: string };

const TIMEOUT_MS = 20_000;
const RETRY = backoff(60_000);
/** Enough to recognise a web page. */
const MAX_BYTES = 16 * 1024;

/**
 * Posts a card to a Teams Workflows webhook, again with back-off while Teams asks for it. Never rejects.
 * @param url a secret; no reason contains it.
 */
export async function postCard(url: string, card: Card): Promise<Delivery> {
  const body = {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content: card }],
  };
  try {
    return deliveryOf(
      await send({ url, method: 'POST', body, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, retry: RETRY }),
    );
  } catch (error) {
    if (error instanceof NoAnswerError) {
      return { kind: error.mayHaveArrived ? 'unknown' : 'refused', reason: error.message };
    }
    const why = (error instanceof Error ? error.message : String(error)).replaceAll(url, 'the webhook');
    return { kind: 'refused', reason: `the card could not be sent (${why})` };
  }
}

/**
 * A webhook of Teams Workflows answers 202 without a body. Any other 2xx is accepted too, except a web page: that comes from
 * a proxy, a firewall or a login page, with 200 as often as by a redirect.
 */
function deliveryOf({ status, redirect, ...reply }: Reply): Delivery {
  if (redirect !== undefined) return { kind: 'refused', reason: `${redirect}${NOT_A_WEBHOOK}` };
  if (status >= 200 && status < 300) {
    if (!isPage(reply)) return { kind: 'accepted' };
    return { kind: 'refused', reason: `HTTP ${status} with a web page${NOT_A_WEBHOOK}` };
  }
  return { kind: 'refused', reason: `HTTP ${status}${HINTS[status] ?? ''}` };
}

function isPage({ contentType, text }: Pick<Reply, 'contentType' | 'text'>): boolean {
  return /^(text\/html|application\/xhtml\+xml)$/.test(contentType) || /^\s*<(!doctype html|html)\b/i.test(text);
}

const NOT_A_WEBHOOK =
  ', which a webhook never sends; check for a proxy or a login page in between, and that config teamsWebhookUrl is the URL of a webhook';
const GONE =
  '; the workflow in Teams may have been deleted or turned off. Set config teamsWebhookUrl to the URL of a new one';
const HINTS: Readonly<Record<number, string>> = { 401: GONE, 403: GONE, 404: GONE, 410: GONE };
