import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../log.ts';
import { CredentialError, UNAUTHENTICATED, type AuthHeader, type GatewayCredential } from './credential.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import type { ApiFault, Refusal } from './refusals.ts';
import type { Upstream } from './upstream.ts';
import type { MessageUsage } from '../claude/message-usage.ts';
import type { RunUsage } from '../claude/run-usage.ts';
import { usageReader } from './usage.ts';

/** The largest body that the API accepts. */
export const MAX_BODY_BYTES = 33_554_432;

/** A request of a client is too large. */
export const TOO_LARGE: ApiFault = { status: 413, message: 'The request is larger than 32 MB.' };

/** What an {@link Exchange} needs. */
export interface ExchangeParts {
  readonly sessionId: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upstream: Upstream;
  readonly credential: GatewayCredential;
  /** Called with each response of the API, before its body. */
  readonly onResponse: (response: IncomingMessage) => void;
  /** Counts what the response says. */
  readonly usage: RunUsage;
  readonly log: Pick<Log, 'warn'>;
  /** Refuses the request; called before anything of the response is sent. */
  readonly refuse: (refusal: Refusal, fault: ApiFault) => void;
}

/** What came of a request that was passed on. */
export interface Exchanged {
  /** The status of the API; undefined if it did not answer. */
  readonly status: number | undefined;
  /** Undefined if the response has none. */
  readonly usage: MessageUsage | undefined;
}

/**
 * Passes one request on to the API, and the response back, both as they come: a side that is slow slows down the other.
 * Closing the response ends the request to the API. If the API cannot be reached, or its response breaks off, the client's
 * connection is closed, so that the CLI reports the same as without the gateway.
 */
export class Exchange {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** Settles when nothing is left to pass on. Never rejects because of a client or the API. */
  async done(): Promise<Exchanged> {
    const nothing: Exchanged = { status: undefined, usage: undefined };
    const header = await this.#header();
    if (!header || this.#parts.response.destroyed) return nothing;
    const answer = await this.#answer(header);
    if (!answer) return nothing;
    this.#parts.onResponse(answer);
    if (answer.statusCode === UNAUTHENTICATED) await this.#parts.credential.refused(header);
    return this.#passBack(answer);
  }

  async #header(): Promise<AuthHeader | undefined> {
    const { credential, response, refuse } = this.#parts;
    try {
      return await credential.header();
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error;
      if (error.status === undefined) response.destroy();
      else if (!response.destroyed) refuse('credential', { status: error.status, message: error.message });
      return undefined;
    }
  }

  /** @returns the response of the API; undefined if there is none. */
  #answer(header: AuthHeader): Promise<IncomingMessage | undefined> {
    const { request, response, upstream } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<IncomingMessage | undefined>();
    const outgoing = upstream.request('POST', request.url ?? '', requestHeaders(request.headers, header));
    outgoing.once('response', resolve);
    outgoing.on('error', (error) => {
      if (!response.destroyed && !response.headersSent) this.#tell(error);
      resolve(undefined);
    });
    outgoing.once('close', () => resolve(undefined));
    // It is destroyed already if the response is complete and its connection is kept.
    response.once('close', () => outgoing.destroy());
    this.#passOn(outgoing);
    return promise;
  }

  #passOn(outgoing: ClientRequest): void {
    const { request, response, refuse } = this.#parts;
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES || outgoing.destroyed) return;
      request.unpipe(outgoing);
      if (response.headersSent) response.destroy();
      else refuse('body_too_large', TOO_LARGE);
      outgoing.destroy();
    });
    request.pipe(outgoing);
  }

  async #passBack(answer: IncomingMessage): Promise<Exchanged> {
    const { response, usage } = this.#parts;
    const reader = usageReader(answer);
    const ended = reader && usage.follow(reader);
    if (!response.destroyed) {
      response.writeHead(answer.statusCode ?? 0, answer.statusMessage, responseHeaders(answer));
      response.flushHeaders();
    }
    const passed = pipeline(answer, response);
    // After `pipeline`, so that a chunk is passed on before it is read.
    if (reader) answer.on('data', (chunk: Buffer) => reader.read(chunk) && usage.onChange?.());
    // The client has gone, its run has ended, or the API broke off: the pipeline has closed what is left.
    await passed.catch(() => undefined);
    ended?.();
    return { status: answer.statusCode, usage: reader?.usage };
  }

  #tell(error: Error): void {
    const { sessionId, response, log } = this.#parts;
    log.warn({ err: error, sessionId }, 'Anthropic cannot be reached');
    response.destroy();
  }
}
