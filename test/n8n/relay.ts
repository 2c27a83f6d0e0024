import { EventEmitter, once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between n8n and the agent, wherever the agent is after a restart, and sees how each request is answered. */
export class Relay implements AsyncDisposable {
  /** Method and path of each request with the status of its answer, 0 where the connection broke; oldest first. */
  readonly answered: { readonly request: string; readonly status: number }[] = [];
  readonly #server: Server;
  readonly #changes = new EventEmitter();

  private constructor(target: () => string) {
    this.#server = createServer((incoming, response) => this.#pass(target(), incoming, response));
  }

  /** @param target tells where the agent is now. */
  static async start(target: () => string): Promise<Relay> {
    const relay = new Relay(target);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often a request was answered with that status. */
  count(status: number): number {
    return this.answered.filter((answer) => answer.status === status).length;
  }

  /** Waits until so many requests were answered with that status. */
  async saw(status: number, times = 1): Promise<void> {
    while (this.count(status) < times) await once(this.#changes, 'answered');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #pass(target: string, incoming: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = incoming;
    const outgoing = request(target + url, { method, headers, agent: false }, (answer) => {
      this.#note(`${method} ${url}`, answer.statusCode ?? 0);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => {
      this.#note(`${method} ${url}`, 0);
      response.destroy();
    });
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  #note(what: string, status: number): void {
    this.answered.push({ request: what, status });
    this.#changes.emit('answered');
  }
}
