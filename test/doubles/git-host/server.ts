import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { jsonOf } from '../../../agent/json.ts';
import { makeCertificates } from '../oauth-proxy/certificates.ts';
import { azureDevOps } from './azure-devops.ts';
import { serveGit } from './backend.ts';
import { github, isValid } from './github.ts';
import type { Failure, HostState } from './state.ts';

/** Where a host listens, and what it has. */
export interface GitHostOptions {
  /** The folder with the repositories. */
  readonly root: string;
  /** The name in its URL and its certificate; default localhost. */
  readonly name?: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
}

/** A running git host. */
export interface GitHost extends AsyncDisposable, HostState {
  /** `https://localhost:PORT`. */
  readonly url: string;
  /** The certificate of its authority, for `NODE_EXTRA_CA_CERTS` and `http.sslCAInfo`. */
  readonly caFile: string;
}

const GIT = /^\/(.+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/u;

/**
 * Starts a git host with TLS: git's own `http-backend`, and the REST APIs of GitHub Enterprise Server and Azure DevOps for pull
 * requests. It asks for credentials as they do, and keeps every request.
 */
export async function startGitHost({ root, name = 'localhost', host, port = 0 }: GitHostOptions): Promise<GitHost> {
  const certificates = await makeCertificates(name);
  const state: HostState = {
    root,
    open: new Set(),
    accounts: new Map(),
    app: undefined,
    limitsRequests: true,
    allowsFilters: true,
    pulls: [],
    seen: [],
    failures: [],
  };
  const server = createServer({ key: certificates.key, cert: certificates.cert }, (request, response) => {
    serve(state, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host ?? '127.0.0.1', resolve);
  });
  return Object.assign(state, {
    url: `https://${name}:${(server.address() as AddressInfo).port}`,
    caFile: certificates.caFile,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await certificates[Symbol.asyncDispose]();
    },
  });
}

async function serve(state: HostState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url: path = '', headers } = request;
  if (path === '/_control') {
    send(response, { status: 200, body: { seen: state.seen, pulls: state.pulls } });
    return;
  }
  const credential = credentialIn(headers.authorization);
  state.seen.push({ method, path, credential });
  const at = state.failures.findIndex((each) => path.includes(each.path));
  const [failure] = at === -1 ? [] : state.failures.splice(at, 1);
  if (failure && failure.after !== true) {
    request.resume();
    if (failure.silent !== true) send(response, failure);
    return;
  }
  const url = new URL(path, `https://${headers.host ?? ''}`);
  const token = credential?.split(':').at(-1);
  const [, repository, endpoint] = GIT.exec(decodeURIComponent(url.pathname)) ?? [];
  if (repository !== undefined && endpoint !== undefined) {
    const isPush = path.includes('receive-pack');
    const refusal = refusalOf(state, repository, token, isPush);
    if (refusal) send(response, refusal);
    else await serveGit(state, { pathInfo: `/${repository}.git/${endpoint}`, user: token }, request, response);
    return;
  }
  const body = (jsonOf(await text(request)) ?? {}) as Record<string, unknown>;
  const asked = { method, url, body, token };
  const reply = (await github(state, asked)) ?? (await azureDevOps(state, asked));
  send(response, failure ?? reply ?? { status: 404, body: { message: 'Not Found' } });
}

/** As GitHub: a repository that may not be seen does not exist. */
function refusalOf(state: HostState, repository: string, token: string | undefined, isPush: boolean) {
  if (!isPush && state.open.has(repository)) return undefined;
  const unauthorized = { status: 401, headers: { 'www-authenticate': 'Basic realm="git"' } };
  if (!isValid(state, token)) return unauthorized;
  const account = state.accounts.get(token ?? '');
  if (!account?.repositories.includes(repository)) return { status: 404 };
  return isPush && account.may !== 'write' ? { status: 403 } : undefined;
}

function credentialIn(authorization = ''): string | undefined {
  const [, scheme, value = ''] = /^(Bearer|Basic) (.+)$/u.exec(authorization) ?? [];
  if (scheme === undefined) return undefined;
  return scheme === 'Bearer' ? value : Buffer.from(value, 'base64').toString();
}

function send(
  response: ServerResponse,
  { status, headers, body }: Omit<Failure, 'path' | 'body'> & { body?: unknown },
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
