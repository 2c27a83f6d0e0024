import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * What a receiver does with a message: responds with a status (and headers), never responds, cuts the connection, or
 * responds with an endless body.
 */
export type Reaction =
  number | { readonly status: number; readonly headers: Readonly<Record<string, string>> } | 'hang' | 'cut' | 'endless';

/** A message as it arrived. */
export interface Message {
  readonly method: string | undefined;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Where a receiver listens, and whether with HTTPS. */
export interface ReceiverOptions {
  readonly address?: string;
  readonly port?: number;
  /** Key and certificate, PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/**
 * A receiver of callbacks. Each path has a list of reactions, which are used one after the other; the last one is then
 * repeated. A path without a list responds with 200.
 */
export class Receiver implements AsyncDisposable {
  /** Every message so far, oldest first. */
  readonly messages: Message[] = [];
  /** Called with each message. */
  onMessage: (message: Message) => void = () => undefined;
  readonly #reactions: Readonly<Record<string, readonly Reaction[]>>;
  readonly #options: ReceiverOptions;
  #server: Server | undefined;
  #port: number;

  private constructor(reactions: Readonly<Record<string, readonly Reaction[]>>, options: ReceiverOptions) {
    this.#reactions = reactions;
    this.#options = options;
    this.#port = options.port ?? 0;
  }

  /** Starts a receiver, by default on a free port of loopback. */
  static async start(
    reactions: Readonly<Record<string, readonly Reaction[]>> = {},
    options: ReceiverOptions = {},
  ): Promise<Receiver> {
    const receiver = new Receiver(reactions, options);
    await receiver.start();
    return receiver;
  }

  get port(): number {
    return this.#port;
  }

  /** Its entry for the list of allowed callback hosts. */
  get host(): string {
    return `${this.#options.address ?? '127.0.0.1'}:${this.#port}`;
  }

  url(path: string): string {
    return `http://${this.host}${path}`;
  }

  /** The messages to a path. */
  at(path: string): Message[] {
    return this.messages.filter((message) => message.path === path);
  }

  /** Listens, on the same port as before. */
  async start(): Promise<void> {
    const { address, tls } = this.#options;
    const listener: RequestListener = (request, response) => {
      const { method, url: path = '', headers } = request;
      void text(request).then((body) => {
        const list = this.#reactions[path] ?? [200];
        const reaction = list[Math.min(this.at(path).length, list.length - 1)] ?? 200;
        const message = { method, path, headers, body };
        this.messages.push(message);
        this.onMessage(message);
        react(response, reaction);
      });
    };
    const server = tls ? createTlsServer(tls, listener) : createServer(listener);
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, address ?? '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Drops all connections and stops listening. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server?.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function react(response: ServerResponse, reaction: Reaction): void {
  if (reaction === 'hang') return;
  if (reaction === 'cut') {
    response.socket?.destroy();
  } else if (reaction === 'endless') {
    const timer = setInterval(() => response.write('x'.repeat(1024)), 1);
    response.on('close', () => clearInterval(timer));
  } else {
    const { status, headers } = typeof reaction === 'number' ? { status: reaction, headers: {} } : reaction;
    response.writeHead(status, headers).end('{}');
  }
}
