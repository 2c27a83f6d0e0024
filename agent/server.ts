import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';

/** TCP keep-alive tells of a client that is gone, and keeps a load balancer's idle timer (Azure: 4 minutes) from cutting a long answer. */
const KEEP_ALIVE_MS = 30_000;
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const LAST_ANSWERS_MS = 2000;

/**
 * Serves an application over HTTP.
 * @returns the server and the URL it is reached at from this machine.
 * @throws when it cannot listen there.
 */
export async function listen(app: Hono, host: string, port: number): Promise<{ server: Server; url: string }> {
  const serve = getRequestListener(app.fetch);
  const server = createServer(
    {
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS,
      // For the request alone: an answer may take as long as a run.
      requestTimeout: REQUEST_MS,
    },
    (incoming, outgoing) => void serve(incoming, outgoing),
  );
  server.listen(port, host);
  await once(server, 'listening');
  const { address, family, port: actual } = server.address() as AddressInfo;
  const reachable = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address;
  return { server, url: `http://${family === 'IPv6' && reachable === address ? `[${address}]` : reachable}:${actual}` };
}

/** Closes the server after the answers under way are sent. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  await Promise.race([closed, sleep(LAST_ANSWERS_MS, undefined, { ref: false })]);
  server.closeAllConnections();
}
