import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tokenIn } from './headers.ts';
import { GATEWAY_LIMITS, limitConnections } from './limits.ts';
import type { RunTokens } from './run-tokens.ts';
import type { Log } from '../log.ts';

/** Serves tokens that have a service of their own to programs on this machine. A push of `git` may take long. */
export class LocalServer {
  readonly #server: Server;

  constructor(tokens: RunTokens, log: Pick<Log, 'error'>) {
    this.#server = createServer(
      { headersTimeout: GATEWAY_LIMITS.headersMs, requestTimeout: 0 },
      (request, response) => {
        const holder = tokens.use(tokenIn(request.headers), request.socket.remoteAddress);
        if (holder === 'elsewhere' || !holder?.service) {
          response.writeHead(403, { 'content-type': 'text/plain' }).end('The token belongs to no run in progress.\n');
          return;
        }
        holder.service(request, response, holder).catch((error: unknown) => {
          log.error({ err: error }, 'a request of a program on this machine failed');
          response.destroy();
        });
      },
    );
    limitConnections(this.#server, GATEWAY_LIMITS, () => undefined);
  }

  /** Its URL. @throws if it does not listen. */
  get url(): string {
    const address = this.#server.address() as AddressInfo | null;
    if (!address) throw new Error('The server for programs on this machine does not listen.');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Listens on a free port of this machine. */
  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Stops listening and drops all connections. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
