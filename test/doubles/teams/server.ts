import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Where the double listens. */
export interface TeamsDoubleOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
  /** Called with each request before and after it takes effect; rejects to send no response. */
  readonly gate?: (when: 'before' | 'after', what: string) => Promise<void> | void;
}

/** An Adaptive Card that was accepted. */
export type PostedCard = Record<string, unknown> & { readonly fallbackText: string };

/** A response instead of accepting the card. */
export interface TeamsFailure {
  readonly status: number;
  readonly retryAfter?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A running double of a Teams Workflows webhook. */
export interface TeamsDouble extends AsyncDisposable {
  /** The webhook's URL, which contains a secret like the real ones. */
  readonly webhookUrl: string;
  /** Cards that were accepted, oldest first. */
  readonly cards: readonly PostedCard[];
  /** The number of requests. */
  readonly asked: number;
  /** Responses to the next requests, one each. */
  readonly failures: TeamsFailure[];
}

/** The limit of Teams in bytes. */
const MAX_BYTES = 28 * 1024;
const PATH = '/workflows/hook';
const QUERY = '?sig=canary-webhook-signature';

/** Starts a double of a Teams Workflows webhook. It refuses what Teams refuses: a missing card, or one that is too large. */
export async function startTeamsDouble(options: TeamsDoubleOptions = {}): Promise<TeamsDouble> {
  const { host = '127.0.0.1', port = 0, gate } = options;
  const cards: PostedCard[] = [];
  const failures: TeamsFailure[] = [];
  let asked = 0;

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    webhookUrl: `http://${host}:${(server.address() as AddressInfo).port}${PATH}${QUERY}`,
    cards,
    get asked() {
      return asked;
    },
    failures,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    if (request.url === '/_control') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(cards));
      return;
    }
    asked += 1;
    await gate?.('before', 'POST card');
    const { status, retryAfter, headers, body: answer } = failures.shift() ?? accept(request, body);
    await gate?.('after', 'POST card');
    response.writeHead(status, { ...headers, ...(retryAfter !== undefined && { 'retry-after': retryAfter }) });
    response.end(answer);
  }

  function accept({ method, url }: IncomingMessage, body: Buffer): TeamsFailure {
    if (method !== 'POST' || url !== PATH + QUERY) return { status: 404 };
    if (body.byteLength > MAX_BYTES) return { status: 413 };
    const card = cardIn(JSON.parse(body.toString()));
    if (!card) return { status: 400 };
    cards.push(card);
    return { status: 202 };
  }
}

function cardIn(message: unknown): PostedCard | undefined {
  const { type, attachments } = message as { type?: string; attachments?: Record<string, unknown>[] };
  const [attachment, ...more] = attachments ?? [];
  if (type !== 'message' || attachment === undefined || more.length > 0) return undefined;
  if (attachment['contentType'] !== 'application/vnd.microsoft.card.adaptive') return undefined;
  const card = attachment['content'] as PostedCard;
  return card['type'] === 'AdaptiveCard' ? card : undefined;
}
