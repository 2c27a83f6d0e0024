import { once } from 'node:events';
import {
  createServer,
  request as ask,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { GatewayCredential } from '../../agent/gateway/credential.ts';
import type { Exchanged } from '../../agent/gateway/exchange.ts';
import { GATEWAY_LIMITS, type GatewayLimits } from '../../agent/gateway/limits.ts';
import type { Refusal } from '../../agent/gateway/refusals.ts';
import { RunTokens } from '../../agent/gateway/run-tokens.ts';
import { Gateway } from '../../agent/gateway/server.ts';
import { listen } from '../../agent/http/server.ts';
import { Upstream } from '../../agent/gateway/upstream.ts';

/** The agent's credential, unless a test has another one. */
export const REAL = 'sk-ant-oat01-the-agents-own';

/** A credential that is always the same. */
export const REAL_CREDENTIAL: GatewayCredential = {
  header: () => Promise.resolve({ name: 'authorization', value: `Bearer ${REAL}` }),
  refused: () => Promise.resolve(),
};

/** A running gateway, and what it has reported. */
export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  /** Those that it accepts. */
  readonly tokens: RunTokens;
  readonly url: string;
  readonly refused: Refusal[];
  readonly exchanged: (Exchanged & { readonly sessionId: string })[];
  /** Every line of its log as JSON. */
  readonly lines: string[];
}

/** A log that keeps its lines. */
export function keepingLog(lines: string[]) {
  const keep = (fields: object, message: string) => {
    const { err, ...others } = fields as { err?: Error };
    lines.push(JSON.stringify({ ...others, err: err?.message, message }));
  };
  return { info: keep, warn: keep, error: keep };
}

/** Starts a gateway on a free port of this machine. */
export async function startGateway(
  baseUrl: string,
  {
    credential = REAL_CREDENTIAL,
    environment = {},
    upstream = new Upstream({ ...environment, ANTHROPIC_BASE_URL: baseUrl }),
    limits = {},
  }: {
    readonly credential?: GatewayCredential;
    readonly environment?: Readonly<Record<string, string>>;
    readonly upstream?: Upstream;
    readonly limits?: Partial<GatewayLimits>;
  } = {},
): Promise<TestGateway> {
  const refused: Refusal[] = [];
  const exchanged: TestGateway['exchanged'] = [];
  const lines: string[] = [];
  const tokens = new RunTokens();
  const gateway = new Gateway({
    tokens,
    upstream,
    credential,
    log: keepingLog(lines),
    onRefused: (refusal) => refused.push(refusal),
    onResponse: () => undefined,
    onExchanged: (sessionId, one) => exchanged.push({ sessionId, ...one }),
    limits: { ...GATEWAY_LIMITS, ...limits },
  });
  const url = await listen(gateway.server, '127.0.0.1', 0);
  return { gateway, tokens, url, refused, exchanged, lines, [Symbol.asyncDispose]: () => gateway.close() };
}

/** Starts a server that answers in place of the API. */
export async function startUpstream(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Starts a request; the caller writes and ends its body. */
export function begin(url: string, token: string, options: RequestOptions = {}) {
  const own = { authorization: `Bearer ${token}`, 'content-type': 'application/json', connection: 'keep-alive' };
  const given = options.headers as OutgoingHttpHeaders | undefined;
  return ask(url, { method: 'POST', agent: false, ...options, headers: { ...own, ...given } });
}

/** Sends a body and returns the response with its text. */
export async function send(url: string, token: string, body: string | Buffer = '{}', options: RequestOptions = {}) {
  const request = begin(url, token, options);
  // Without an encoding, the body of a GET would be another request.
  if (options.method === 'GET') request.end();
  else request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  request.on('error', () => undefined);
  return { status: response.statusCode, headers: response.headers, text: await text(response) };
}
