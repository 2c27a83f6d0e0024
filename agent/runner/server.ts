import { createServer, type Server } from 'node:http';
import { WebSocketServer } from 'ws';
import packageJson from '../../package.json' with { type: 'json' };
import { HEADERS_MS, REQUEST_MS } from '../http/server.ts';
import { LogLimit } from '../log-limit.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { MAX_MESSAGE_BYTES } from './protocol.ts';

/** A run can connect to its own runner. Beyond this many connections, one that is not the agent's has to make way. */
const MAX_STRANGERS = 8;

/** Answers `GET /health`, and makes any WebSocket a {@link Connection}. */
export function runnerServer(options: Omit<ConnectionOptions, 'refusals'>): Server {
  const { runner, log } = options;
  const refusals = new LogLimit(log);
  const server = createServer(
    { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS },
    ({ method, url }, response) => {
      const found = url === '/health' && (method === 'GET' || method === 'HEAD');
      const status = runner.isDraining ? 'draining' : 'ok';
      const body = found
        ? { status, state: runner.state, version: packageJson.version }
        : { error: 'A runner has only GET /health, and a WebSocket for the agent.' };
      response.writeHead(found ? 200 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    },
  );
  const sockets = new WebSocketServer({ server, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  // It repeats the errors of the server, whose owner handles them.
  sockets.on('error', () => undefined);
  const strangers = new Set<() => void>();
  sockets.on('connection', (socket, { socket: tcp }) => {
    const connection = new Connection(socket, tcp, { ...options, refusals });
    const end = () => {
      strangers.delete(end);
      if (!connection.isAgent) socket.terminate();
    };
    strangers.add(end);
    socket.once('close', end);
    const [oldest] = strangers;
    if (strangers.size > MAX_STRANGERS) oldest?.();
  });
  return server;
}
