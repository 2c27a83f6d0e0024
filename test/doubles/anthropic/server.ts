import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { answerTo } from './answer.ts';
import { Behaviour, type BehaviourSettings } from './behaviour.ts';
import { handleControl } from './control.ts';
import { parsePrompt } from './directives.ts';
import { failureOf, refusalOf } from './failures.ts';
import { exchange, identityIn } from './federation.ts';
import { credentialOf, type RequestRecord } from './journal.ts';
import { sendFailure, sendMessage, streamMessage, tokensIn } from './reply.ts';
import { messagesRequest, turnOf, type MessagesRequest, type Turn } from './request.ts';

/** Workload identity federation: the client posts its identity token and gets an access token of the API. */
const EXCHANGE = '/v1/oauth/token';

/** Where the double listens and how it behaves from the start. */
export interface AnthropicDoubleOptions extends BehaviourSettings {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
}

/** A running double of the Anthropic API. */
export interface AnthropicDouble extends AsyncDisposable {
  /** The value for `ANTHROPIC_BASE_URL`. */
  readonly url: string;
  /** Every request, oldest first, without those to the control endpoint. */
  readonly requests: readonly RequestRecord[];
  /** Only the requests for a message. */
  messages(): RequestRecord[];
  /** Changes the behaviour from the next request on; omitted fields do not change. */
  configure(settings: BehaviourSettings): void;
  /** Deletes all requests and restores the initial behaviour. */
  reset(): void;
  /** Drops all connections and stops listening. */
  close(): Promise<void>;
}

/** Starts a double of the Anthropic API. */
export async function startAnthropicDouble(options: AnthropicDoubleOptions = {}): Promise<AnthropicDouble> {
  const behaviour = new Behaviour(options);
  const server = createServer((request, response) => {
    serve(behaviour, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendFailure(response, { status: 400, type: 'invalid_request_error', message: String(error) });
    });
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://${host}:${port}`,
    requests: behaviour.requests,
    messages: () => behaviour.messages(),
    configure: (settings) => behaviour.configure(settings),
    reset: () => behaviour.reset(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function serve(behaviour: Behaviour, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '/', headers } = request;
  const path = new URL(url, 'http://double').pathname;
  const body = parseBody(await readText(request));
  if (path.startsWith('/_control')) {
    handleControl(behaviour, method, path, body, response);
    return;
  }
  const isMessages = method === 'POST' && path === '/v1/messages';
  const parsed = isMessages ? messagesRequest.parse(body) : undefined;
  const turn = parsed && turnOf(parsed);
  const credential = credentialOf(headers);
  const { model = '' } = parsed ?? {};
  const { prompt = '' } = turn ?? {};
  const identity = path === EXCHANGE ? identityIn(body) : undefined;
  const record: RequestRecord = { method, path, credential, headers, model, prompt, identity, status: 0, body };
  behaviour.record(record);
  response.once('finish', () => (record.status = response.statusCode));
  if (parsed !== undefined && turn !== undefined) {
    for (const [name, value] of Object.entries(behaviour.headers)) response.setHeader(name, value);
    if (behaviour.accepts(credential.value)) await answer(behaviour, parsed, turn, response);
    else sendFailure(response, refusalOf(credential.scheme));
  } else if (path === EXCHANGE) {
    const exchanged = exchange(behaviour.federation, body);
    if ('status' in exchanged) sendFailure(response, exchanged);
    else sendJson(response, exchanged);
  } else if (path === '/v1/messages/count_tokens') {
    sendJson(response, { input_tokens: tokensIn(JSON.stringify(body)) });
  } else if (path === '/' || method === 'HEAD') {
    sendJson(response, {});
  } else {
    sendFailure(response, { status: 404, type: 'not_found_error', message: `No ${method} ${path} at this double` });
  }
}

async function answer(behaviour: Behaviour, request: MessagesRequest, turn: Turn, response: ServerResponse) {
  const { text, directives } = parsePrompt(turn.prompt, behaviour.mode);
  if (directives.hang) return;
  if (directives.wait !== undefined) await sleep(directives.wait);
  const refused = REFUSED_BLOCKS[directives.fail ?? ''];
  const concerns = refused === undefined || hasBlock(request, refused);
  if (
    directives.fail !== undefined &&
    concerns &&
    behaviour.countFailure(turn.prompt) <= (directives.times ?? Infinity)
  ) {
    sendFailure(response, failureOf(directives.fail, directives.resets));
    return;
  }
  const blocks = answerTo(request, turn, text, directives);
  const reply = {
    model: request.model,
    blocks,
    inputTokens: tokensIn(turn.prompt),
    ...(directives.usage !== undefined && { usage: JSON.parse(directives.usage) as object }),
  };
  if (request.stream) await streamMessage(response, reply, directives);
  else sendMessage(response, reply, directives);
}

/** The failures that concern only requests with such a block. */
const REFUSED_BLOCKS: Readonly<Record<string, string>> = { pdf_invalid: 'document', image_invalid: 'image' };

const hasBlock = ({ messages }: MessagesRequest, type: string) => JSON.stringify(messages).includes(`"type":"${type}"`);

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
