import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { AGENT_ENV } from '../contract.ts';
import { lingerAfter } from './linger.ts';

/** TCP keep-alive detects dead clients, and keeps a load balancer's idle timeout (Azure: 4 minutes) from cutting responses. */
const KEEP_ALIVE_MS = 30_000;
/** Time limits for receiving the headers of a request, and all of it: 128 MiB of files over half a MiB a second. */
export const HEADERS_MS = 10_000;
export const REQUEST_MS = 300_000;
/**
 * How long a connection stays open between two requests. A client or proxy that keeps it longer than the server sends into
 * a closed one, and a POST is not sent again: so longer than the usual 60 seconds of those (nginx, Envoy, Azure).
 */
const IDLE_CONNECTION_MS = 75_000;
const LAST_ANSWERS_MS = 2000;

/** Thrown by {@link listen}; the message names the address. */
export class CannotListenError extends Error {
  override readonly name = 'CannotListenError';
}

/** Creates an HTTP server; it does not listen yet. */
export function serverOf(fetch: Hono['fetch']): Server {
  const serve = getRequestListener(fetch);
  return createServer(
    {
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      headersTimeout: HEADERS_MS,
      // Only for the request: the response may take as long as a run.
      requestTimeout: REQUEST_MS,
    },
    (incoming, outgoing) => {
      lingerAfter(incoming);
      void serve(incoming, outgoing);
    },
  );
}

/** The agent, for {@link listen}. */
const AGENT = { name: 'The agent', settings: `${AGENT_ENV.host}, ${AGENT_ENV.port}` };

/**
 * Starts listening.
 * @param host undefined for all addresses.
 * @param program who listens, and the settings that say where, for the message.
 * @returns the URL of the server for this machine.
 * @throws {CannotListenError} if it cannot listen there.
 */
export async function listen(server: Server, host: string | undefined, port: number, program = AGENT): Promise<string> {
  server.listen(port, host);
  await once(server, 'listening').catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CannotListenError(
      `${program.name} cannot listen on ${host ?? '*'}:${port} (${program.settings}): ${why}`,
      { cause },
    );
  });
  const { address, family, port: actual } = server.address() as AddressInfo;
  const everywhere = address === '0.0.0.0' || address === '::';
  const reachable = family === 'IPv6' ? `[${address}]` : address;
  return `http://${everywhere ? '127.0.0.1' : reachable}:${actual}`;
}

/** Closes a server after the pending responses are sent. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  await Promise.race([closed, sleep(LAST_ANSWERS_MS, undefined, { ref: false })]);
  server.closeAllConnections();
}
