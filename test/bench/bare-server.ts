import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freeing } from '../../agent/http/request/freeing.ts';

/** A server of Node.js that does nothing with files. What is left is the cost of the client and of HTTP. */
export interface BareServer extends AsyncDisposable {
  readonly url: string;
}

const PIECE = Buffer.alloc(1_048_576);

/** Starts a server that throws away what it receives, and responds to `GET` with `bytes` from memory. */
export async function startBareServer(bytes: number): Promise<BareServer> {
  const server = createServer((request, response) => {
    if (request.method === 'GET') send(response, bytes);
    else void receive(request).then(() => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function send(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { 'Content-Length': bytes });
  const sendRest = (left: number): void => {
    if (left === 0) response.end();
    else response.write(PIECE.subarray(0, left), () => sendRest(left - Math.min(left, PIECE.length)));
  };
  sendRest(bytes);
}

async function receive(request: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of freeing(request)) bytes += chunk.length;
  return bytes;
}
