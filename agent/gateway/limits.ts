import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** What one run, one runner, and all of them can cost the agent. Times are in milliseconds. */
export interface GatewayLimits {
  /** Open requests with one token. The CLI has at most one for each of its sub-agents. */
  readonly requestsPerToken: number;
  /** Open connections from one address. */
  readonly connectionsPerAddress: number;
  /** Open connections. */
  readonly connections: number;
  /** For the headers of a request. */
  readonly headersMs: number;
  /** For a whole request. The API may take it slowly. */
  readonly requestMs: number;
  /** For a connection without a request. The CLI keeps its own while a tool runs. */
  readonly idleMs: number;
}

/** The limits unless a test has others. */
export const GATEWAY_LIMITS: GatewayLimits = {
  requestsPerToken: 64,
  connectionsPerAddress: 256,
  connections: 4096,
  headersMs: 10_000,
  requestMs: 300_000,
  idleMs: 120_000,
};

/**
 * Closes connections that are too many.
 * @param onClosed called for each.
 */
export function limitConnections(
  server: Server,
  { connections, connectionsPerAddress }: GatewayLimits,
  onClosed: () => void,
): void {
  const open = new Map<string, number>();
  server.maxConnections = connections;
  server.on('drop', onClosed);
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket;
    const count = (open.get(remoteAddress) ?? 0) + 1;
    open.set(remoteAddress, count);
    socket.once('close', () => {
      const left = (open.get(remoteAddress) ?? 0) - 1;
      if (left > 0) open.set(remoteAddress, left);
      else open.delete(remoteAddress);
    });
    if (count <= connectionsPerAddress) return;
    onClosed();
    socket.destroy();
  });
}
