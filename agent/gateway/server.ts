import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../log.ts';
import { LogLimit } from '../log-limit.ts';
import type { GatewayCredential } from './credential.ts';
import { Exchange, MAX_BODY_BYTES, TOO_LARGE, type Exchanged } from './exchange.ts';
import { tokenIn } from './headers.ts';
import { GATEWAY_LIMITS, limitConnections, type GatewayLimits } from './limits.ts';
import { faultBody, type ApiFault, type Refusal } from './refusals.ts';
import { withoutTokens, type RunTokens, type TokenHolder } from './run-tokens.ts';
import type { Upstream } from './upstream.ts';

/** All that the CLI calls. */
const PATHS: ReadonlySet<string> = new Set(['/v1/messages', '/v1/messages/count_tokens']);
/** How often Node looks for requests that are too slow, at most. */
const LOOK_MS = 5000;
const SHOWN_PATH_CHARS = 100;

const FORBIDDEN: ApiFault = {
  status: 403,
  message: 'This gateway serves POST /v1/messages and its count_tokens only.',
};
const NO_RUN: ApiFault = { status: 403, message: 'The token belongs to no run in progress.' };
const ELSEWHERE: ApiFault = { status: 403, message: 'The token belongs to a run at another address.' };
const TOO_MANY: ApiFault = { status: 429, message: 'This run has too many open requests.' };
const MALFORMED: ApiFault = { status: 400, message: 'This is no valid HTTP request.' };
const TOO_SLOW: ApiFault = { status: 408, message: 'The request took too long to arrive.' };

/** What a {@link Gateway} needs. */
export interface GatewayParts {
  /** Those that it accepts. */
  readonly tokens: RunTokens;
  readonly upstream: Upstream;
  readonly credential: GatewayCredential;
  readonly log: Log;
  /** Called for each request that was refused. */
  readonly onRefused: (refusal: Refusal) => void;
  /** Called with each response of the API to a run, before its body. */
  readonly onResponse: (response: IncomingMessage) => void;
  /** Called at the end of each request of a run that was not refused before it was passed on. */
  readonly onExchanged: (sessionId: string, exchanged: Exchanged) => void;
  /** Default: {@link GATEWAY_LIMITS}. */
  readonly limits?: GatewayLimits;
}

/**
 * The way of runs to the Anthropic API: an HTTP server that replaces the token of a run by the agent's credential, and
 * streams both ways. It serves the two endpoints that the CLI calls, for runs whose token is valid; a token with a service of its
 * own is handed to it.
 */
export class Gateway {
  readonly #parts: GatewayParts;
  readonly #limits: GatewayLimits;
  readonly #refusals: LogLimit;
  readonly #server: Server;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? GATEWAY_LIMITS;
    this.#refusals = new LogLimit(parts.log);
    const { headersMs, requestMs, idleMs } = this.#limits;
    this.#server = createServer(
      {
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        keepAliveTimeout: idleMs,
        connectionsCheckingInterval: Math.min(LOOK_MS, headersMs),
        keepAlive: true,
      },
      (request, response) => void this.#serve(request, response),
    );
    limitConnections(this.#server, this.#limits, () => this.#tellRefusal('too_many_connections'));
    this.#server.on('connect', (request: IncomingMessage, socket: Duplex) => {
      this.#tellRefusal('path', request);
      refuseRaw(socket, FORBIDDEN);
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // A client that closes its connection in the middle of a request sends nothing malformed.
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy();
        return;
      }
      const isSlow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
      this.#tellRefusal(isSlow ? 'too_slow' : 'malformed');
      refuseRaw(socket, isSlow ? TOO_SLOW : MALFORMED);
    });
  }

  /** Its HTTP server. The caller makes it listen. */
  get server(): Server {
    return this.#server;
  }

  /** Stops listening and drops all connections, of clients and to the API. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    this.#server.closeAllConnections();
    this.#parts.upstream.close();
    await closed;
    this.#refusals[Symbol.dispose]();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const caller = this.#parts.tokens.use(tokenIn(request.headers), request.socket.remoteAddress);
      if (caller === 'elsewhere') {
        this.#refuse(request, response, 'address', ELSEWHERE);
        return;
      }
      if (caller?.service) {
        await caller.service(request, response, caller);
        return;
      }
      const holder = this.#admit(caller, request, response);
      if (holder) await this.#exchange(holder, request, response);
    } catch (error) {
      this.#parts.log.error({ err: error }, 'a request to the gateway failed');
      response.destroy();
    }
  }

  /** @returns undefined if the request was refused. */
  #admit(holder: TokenHolder | undefined, request: IncomingMessage, response: ServerResponse): TokenHolder | undefined {
    const { method, url = '', headers } = request;
    const refuse = (refusal: Refusal, fault: ApiFault) => this.#refuse(request, response, refusal, fault);
    if (method !== 'POST' || !PATHS.has(pathOf(url))) refuse('path', FORBIDDEN);
    else if (!holder) refuse('token', NO_RUN);
    else if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) refuse('body_too_large', TOO_LARGE);
    else if (holder.open >= this.#limits.requestsPerToken) refuse('too_many_requests', TOO_MANY);
    else return holder;
    return undefined;
  }

  async #exchange(
    { sessionId, usage, during }: TokenHolder,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { upstream, credential, log, onResponse, onExchanged } = this.#parts;
    const left = during(() => response.destroy());
    try {
      const refuse = (refusal: Refusal, fault: ApiFault) => this.#refuse(request, response, refusal, fault, sessionId);
      const parts = { sessionId, request, response, upstream, credential, onResponse, usage, log, refuse };
      const exchange = new Exchange(parts);
      onExchanged(sessionId, await exchange.done());
    } finally {
      left();
    }
  }

  #refuse(
    request: IncomingMessage,
    response: ServerResponse,
    refusal: Refusal,
    fault: ApiFault,
    sessionId?: string,
  ): void {
    this.#tellRefusal(refusal, request, sessionId);
    discard(request);
    response.writeHead(fault.status, { 'content-type': 'application/json' });
    response.end(faultBody(fault));
  }

  #tellRefusal(refusal: Refusal, request?: IncomingMessage, sessionId?: string): void {
    const path = withoutTokens(pathOf(request?.url ?? '')).slice(0, SHOWN_PATH_CHARS);
    const fields = { refusal, method: request?.method, path, sessionId };
    this.#refusals.warn(refusal, fields, 'the gateway refused a request');
    this.#parts.onRefused(refusal);
  }
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

/** Reads the rest of a refused request: a connection that is closed before loses the response. */
function discard(request: IncomingMessage): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) request.destroy();
  });
  request.resume();
}

/** Answers on a connection that has no response object, and closes it. */
function refuseRaw(socket: Duplex, fault: ApiFault): void {
  const body = faultBody(fault);
  socket.on('error', () => socket.destroy());
  const head = [
    `HTTP/1.1 ${fault.status} Refused`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
