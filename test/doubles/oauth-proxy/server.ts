import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Duplex } from 'node:stream';
import { makeCertificates } from './certificates.ts';
import { TokenFamily, type Refresh, type TokenPair } from './tokens.ts';

/** The host where the CLI refreshes its login, regardless of `ANTHROPIC_BASE_URL`. */
const REFRESH_HOST = 'platform.claude.com';

/** The endpoint of that host that refreshes tokens. */
const TOKEN_PATH = '/v1/oauth/token';

/** Where the CLI reads the account of its login, regardless of `ANTHROPIC_BASE_URL`. */
const PROFILE_HOST = 'api.anthropic.com';
const PROFILE_PATH = '/api/oauth/profile';
/** The CLI answers control requests before the profile has arrived. */
const PROFILE_MS = 500;

/**
 * The result of a refresh: `rotate` returns a new pair for the current refresh token, `revoked` refuses it for good,
 * `failing` responds with 500, `unreachable` does not connect to the host.
 */
export type RefreshMode = 'rotate' | 'revoked' | 'failing' | 'unreachable';

/** Where the proxy listens, how it behaves, and the login it knows. */
export interface OauthProxyOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
  /** Default `rotate`. */
  readonly mode?: RefreshMode;
  /** The first pair of the login. */
  readonly tokens: TokenPair;
  /** The account of the login; without it, the host of the profile cannot be reached. */
  readonly accountUuid?: string;
  /** The account of each code that `claude auth login` can exchange, once. */
  readonly codes?: Readonly<Record<string, string>>;
  /** Called with every new pair, which is sent once it settles, for example to make the double of the API accept it. */
  readonly onRotated?: (tokens: TokenPair) => unknown;
}

/** A running proxy. */
export interface OauthProxy extends AsyncDisposable {
  /** The variables that make the CLI use the proxy. Loopback stays direct, because the CLI also proxies plain HTTP. */
  readonly env: Readonly<Record<'HTTPS_PROXY' | 'NO_PROXY' | 'NODE_EXTRA_CA_CERTS', string>>;
  /** Every refresh that reached the token endpoint, oldest first. */
  readonly refreshes: readonly Refresh[];
  /** Every `host:port` that was requested with CONNECT. */
  readonly connects: readonly string[];
  /** The currently valid pair. */
  readonly current: TokenPair;
  /** Changes the result of the next refresh. */
  setMode(mode: RefreshMode): void;
  /** Drops all connections and stops listening. */
  close(): Promise<void>;
}

/** Starts a CONNECT proxy that stands in for the hosts where the CLI logs in, refreshes its login and reads its account. Other hosts get a 502. */
export async function startOauthProxy(options: OauthProxyOptions): Promise<OauthProxy> {
  const { host = '127.0.0.1', port = 0, tokens, accountUuid, codes, onRotated } = options;
  const family = new TokenFamily(tokens, accountUuid, codes);
  const connects: string[] = [];
  const sockets = new Set<Duplex>();
  let mode = options.mode ?? 'rotate';

  const certificates = await makeCertificates(REFRESH_HOST, PROFILE_HOST);
  const endpoint = createTlsServer({ key: certificates.key, cert: certificates.cert }, (request, response) => {
    answer(request, response).catch((error: unknown) => send(response, 400, { error: String(error) }));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === PROFILE_PATH) {
      await sleep(PROFILE_MS);
      send(response, 200, profileOf(family.account));
    } else if (request.method !== 'POST' || request.url !== TOKEN_PATH) {
      send(response, 404, { error: 'not_found' });
    } else if (mode === 'failing') {
      send(response, 500, { error: 'server_error' });
    } else {
      const { status, body } = family.respond(await json(request), mode === 'revoked');
      if (status === 200) await onRotated?.(family.current);
      send(response, status, body);
    }
  }

  const proxy = createServer((_, response) => send(response, 502, { error: 'This proxy knows CONNECT alone.' }));
  proxy.on('connect', ({ url = '' }: IncomingMessage, socket: Duplex) => {
    connects.push(url);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const isServed = url === `${REFRESH_HOST}:443` || (family.account !== undefined && url === `${PROFILE_HOST}:443`);
    if (mode === 'unreachable' || !isServed) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    endpoint.emit('connection', socket);
  });
  await new Promise<void>((resolve, reject) => {
    proxy.once('error', reject);
    proxy.listen(port, host, resolve);
  });

  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      proxy.close(() => resolve());
      proxy.closeAllConnections();
    });
    await certificates[Symbol.asyncDispose]();
  };
  return {
    env: {
      HTTPS_PROXY: `http://${host}:${(proxy.address() as AddressInfo).port}`,
      NO_PROXY: '127.0.0.1,localhost',
      NODE_EXTRA_CA_CERTS: certificates.caFile,
    },
    refreshes: family.refreshes,
    connects,
    get current() {
      return family.current;
    },
    setMode: (next) => (mode = next),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function profileOf(accountUuid: string | undefined): object {
  const organization = { uuid: '00000000-0000-4000-8000-000000000000', organization_type: 'claude_max' };
  return {
    account: { uuid: accountUuid, email: 'somebody@example.com', created_at: '2025-01-01T00:00:00Z' },
    organization,
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
