import { createServer as createHttpServer } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

/** A server with invalid responses. */
export interface Misbehaving extends AsyncDisposable {
  readonly url: string;
  /** Bytes of bodies that were written to the connections. */
  readonly sent: number;
}

const CHUNK = Buffer.alloc(64 * 1024, ' ');

/** Responds to everything with a body that never ends while someone reads it. */
export async function endless(status: number, headers: OutgoingHttpHeaders = {}): Promise<Misbehaving> {
  let sent = 0;
  const server = createHttpServer((request, response) => {
    request.resume();
    response.writeHead(status, headers);
    const write = (): void => {
      let goesOn = true;
      while (goesOn && !response.destroyed) {
        goesOn = response.write(CHUNK);
        sent += CHUNK.byteLength;
      }
    };
    response.on('drain', write);
    write();
  });
  const url = await listen(server);
  return {
    url,
    get sent() {
      return sent;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Responds to everything with these bytes, which need not be HTTP, and closes the connection. */
export async function raw(answer: string): Promise<Misbehaving> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer));
  });
  return {
    url: await listen(server),
    sent: answer.length,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
