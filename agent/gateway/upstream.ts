import { Agent as HttpAgent, request as overHttp, type ClientRequest, type OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as overHttps } from 'node:https';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { proxyEnvironment } from './proxy.ts';

const CONNECT_MS = 30_000;
/** Idle connections are closed after this time, before the other side or a firewall does. */
const IDLE_MS = 30_000;
const MAX_ANSWER_CHARS = 65_536;
const DEFAULT_URL = 'https://api.anthropic.com';

/** The Anthropic API or what answers in its place, or another HTTP server. Connections are kept and reused. */
export class Upstream {
  readonly #base: URL;
  readonly #prefix: string;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #connectMs: number;

  /**
   * @param environment `ANTHROPIC_BASE_URL`, an http(s) URL that may have a path, and the proxy variables, both as the CLI
   *   understands them. Node itself reads `NODE_EXTRA_CA_CERTS` when it starts.
   * @param connectMs time limit for a connection, with the tunnel of a proxy and the handshake of TLS.
   * @param baseUrl of a server instead of the API.
   */
  constructor(
    environment: Readonly<Record<string, string | undefined>>,
    connectMs = CONNECT_MS,
    baseUrl = environment['ANTHROPIC_BASE_URL'] ?? DEFAULT_URL,
  ) {
    this.#connectMs = connectMs;
    this.#base = new URL(baseUrl);
    this.#prefix = this.#base.pathname.replace(/\/+$/, '');
    const options = { keepAlive: true, timeout: IDLE_MS, proxyEnv: proxyEnvironment(environment) };
    this.#agent = this.#isSecure ? new HttpsAgent({ ...options, rejectUnauthorized: true }) : new HttpAgent(options);
  }

  /**
   * Starts a request; the caller writes its body and ends it. Nothing limits the time until the response, or its length.
   * @param path path and query, below the base URL.
   * @param headers without `Host`.
   * @throws {TypeError} if the path or a header is invalid.
   */
  request(method: string, path: string, headers: OutgoingHttpHeaders): ClientRequest {
    const { hostname, port, host } = this.#base;
    const request = (this.#isSecure ? overHttps : overHttp)({
      agent: this.#agent,
      method,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: this.#prefix + path,
      headers: { ...headers, host },
    });
    limitConnect(request, this.#connectMs);
    return request;
  }

  /**
   * Sends a short request with a body.
   * @returns the response, whatever its status; `text` is cut off after 64 Ki characters.
   * @throws the network error, or the reason of `signal`.
   */
  async post(
    path: string,
    headers: OutgoingHttpHeaders,
    body: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const request = this.request('POST', path, headers);
    const abort = () => request.destroy(signal.reason as Error);
    signal.addEventListener('abort', abort);
    try {
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) {
        text += chunk as string;
        if (text.length > MAX_ANSWER_CHARS) break;
      }
      return { status: response.statusCode ?? 0, text: text.slice(0, MAX_ANSWER_CHARS) };
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#agent.destroy();
  }

  get #isSecure(): boolean {
    return this.#base.protocol === 'https:';
  }
}

function limitConnect(request: ClientRequest, ms: number): void {
  const timer = setTimeout(() => {
    const error = new Error(`There was no connection after ${ms / 1000} seconds.`);
    request.destroy(error);
    // Node tells the end of a request only when its socket exists, and a tunnel that is stuck has none.
    if (!request.socket) request.emit('error', error);
  }, ms);
  // Node may tell it again when the socket exists.
  request.on('error', () => undefined);
  const stop = () => clearTimeout(timer);
  request.once('close', stop);
  request.once('socket', (socket: Socket & { readonly secureConnecting?: boolean }) => {
    if (!socket.connecting && socket.secureConnecting !== true) stop();
    else socket.once(socket.secureConnecting === undefined ? 'connect' : 'secureConnect', stop);
  });
}
