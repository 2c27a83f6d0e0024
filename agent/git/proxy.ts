import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { TokenHolder } from '../gateway/run-tokens.ts';
import type { Upstream } from '../gateway/upstream.ts';
import { basic, type GitCredential } from './credential.ts';
import { GitError } from './errors.ts';
import type { GitRepository } from './hosts.ts';
import { passOn } from './pass-on.ts';
import { refusalOf, unreachable } from './refusal.ts';

/** Open requests of one run. `git` needs one. */
const MAX_REQUESTS = 16;
/** A host that takes nothing and does not begin to answer for this time is down. */
const ANSWER_MS = 120_000;
/** Everything of a request and a response that git uses; see `gitprotocol-http`. */
const REQUEST_HEADERS = [
  'accept',
  'accept-encoding',
  'content-encoding',
  'content-length',
  'content-type',
  'git-protocol',
  'user-agent',
] as const;
const RESPONSE_HEADERS = ['cache-control', 'content-encoding', 'content-length', 'content-type'] as const;
/** Statuses for `git`. It would ask for a password after 401. */
const STATUS: Partial<Record<GitError['kind'], number>> = {
  notFound: 404,
  hostDown: 502,
  rateLimited: 429,
  redirected: 502,
};

const ENDPOINT = /^(?:\.git)?(\/info\/refs\?service=git-(upload|receive)-pack|\/git-(upload|receive)-pack)$/u;

/** A repository at its host. */
export interface Target {
  readonly repository: GitRepository;
  /** Its host. */
  readonly upstream: Upstream;
  readonly credential: GitCredential;
  /** The user that the host wants with a token. */
  readonly username: string;
}

/** Who uses a repository, and how much. */
export interface ProxyRules {
  readonly mayPush: boolean;
  /** How many bytes may come from the host, and as many go there. */
  readonly maxBytes: number;
}

/** Where a repository is below the URL of a proxy, such as `/git/github.com/acme/shop`. */
export function proxyPath({ url }: GitRepository): string {
  return `/git/${url.slice('https://'.length)}`;
}

/**
 * Passes the requests of `git` for one repository on to its host, with the host's credential, and streams both ways. Follows no
 * redirect, and answers everything else itself.
 */
export class GitProxy {
  /** Bytes from the host. */
  bytes = 0;
  failure: GitError | undefined;
  readonly #target: Target;
  readonly #rules: ProxyRules;
  #sent = 0;

  constructor(target: Target, rules: ProxyRules) {
    this.#target = target;
    this.#rules = rules;
  }

  /** Settles when the request has been answered. Never rejects because of a client or the host. */
  async serve(request: IncomingMessage, response: ServerResponse, holder: TokenHolder): Promise<void> {
    // Before the request counts itself.
    const isOneTooMany = holder.open >= MAX_REQUESTS;
    const left = holder.during(() => response.destroy());
    this.failure = undefined;
    try {
      if (isOneTooMany) throw new GitError('rateLimited', 'This run has too many open requests to its repository.');
      await this.#passOn(request, response, this.#endpointOf(request));
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      // A client that has gone does not say anything about the host.
      if (!response.destroyed) this.failure = error;
      answerWith(error, request, response);
    } finally {
      left();
    }
  }

  /**
   * Whether the host lets the credential read the repository.
   * @throws {GitError} if it does not.
   */
  async probe(signal: AbortSignal): Promise<void> {
    const answer = await this.#answered('GET', '/info/refs?service=git-upload-pack', {}, signal);
    answer.destroy();
  }

  /** @throws {GitError} if the request is for something else. */
  #endpointOf({ method, url = '' }: IncomingMessage): string {
    const { repository } = this.#target;
    const path = proxyPath(repository);
    const [, endpoint, ...services] = url.startsWith(path) ? (ENDPOINT.exec(url.slice(path.length)) ?? []) : [];
    const isRefs = endpoint?.startsWith('/info/') === true;
    if (endpoint === undefined || method !== (isRefs ? 'GET' : 'POST')) {
      throw new GitError('forbidden', `This run may use git for ${repository.url} only.`);
    }
    if (services.includes('receive') && !this.#rules.mayPush) {
      throw new GitError(
        'forbidden',
        'Nothing can be pushed from here: commit, and the agent pushes when the run has succeeded.',
      );
    }
    return endpoint;
  }

  async #passOn(request: IncomingMessage, response: ServerResponse, endpoint: string): Promise<void> {
    const closed = new AbortController();
    response.once('close', () => closed.abort());
    const headers = Object.fromEntries(
      REQUEST_HEADERS.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, request.headers[name]]])),
    );
    const answer = await this.#answered(request.method ?? '', endpoint, headers, closed.signal, request);
    for (const name of RESPONSE_HEADERS) {
      const value = answer.headers[name];
      if (value !== undefined) response.setHeader(name, value);
    }
    answer.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (this.bytes > this.#rules.maxBytes) answer.destroy(this.#tooLarge());
    });
    // The client has gone, its run has ended, or the host broke off: the pipeline has closed what is left.
    await passOn(answer, response).catch((error: unknown) => {
      if (!closed.signal.aborted || error instanceof GitError) this.failure = this.#broken(error);
    });
  }

  /** The response of the host, with status 200. @throws {GitError} if it is another one, or there is none. */
  async #answered(
    method: string,
    endpoint: string,
    headers: OutgoingHttpHeaders,
    signal: AbortSignal,
    body?: IncomingMessage,
  ): Promise<IncomingMessage> {
    const { credential, repository } = this.#target;
    const token = await credential.token(repository);
    const answer = await this.#send(method, endpoint, headers, token, signal, body);
    if (answer.statusCode === 200) return answer;
    const isRefused = answer.statusCode === 401 && token !== undefined;
    if (isRefused) credential.refused(token);
    // A body is not sent twice. `git` asks for refs first.
    const another = isRefused && method === 'GET' ? await credential.token(repository) : token;
    if (another !== token) {
      answer.destroy();
      const second = await this.#send(method, endpoint, headers, another, signal);
      if (second.statusCode === 200) return second;
      throw this.#refusal(second, another);
    }
    throw this.#refusal(answer, token);
  }

  async #send(
    method: string,
    endpoint: string,
    headers: OutgoingHttpHeaders,
    token: string | undefined,
    signal: AbortSignal,
    body?: IncomingMessage,
  ): Promise<IncomingMessage> {
    const { upstream, username, repository } = this.#target;
    const path = new URL(repository.remote).pathname + endpoint;
    const authorization = token === undefined ? {} : { authorization: basic(username, token) };
    const outgoing = upstream.request(method, path, { ...headers, ...authorization });
    outgoing.setTimeout(ANSWER_MS, () => outgoing.destroy(new Error(`silent for ${ANSWER_MS / 1000} seconds`)));
    const abort = () => outgoing.destroy();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    let failure: unknown;
    try {
      if (body) this.#write(body, outgoing, (error) => (failure = error));
      else outgoing.end();
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
      return answer;
    } catch (error) {
      throw failure instanceof GitError ? failure : unreachable(repository.host, error);
    } finally {
      // From now on the client decides how long it waits.
      outgoing.setTimeout(0);
    }
  }

  #write(
    body: IncomingMessage,
    outgoing: NodeJS.WritableStream & { destroy(error?: Error): void },
    onFailed: (error: GitError) => void,
  ): void {
    body.on('data', (chunk: Buffer) => {
      this.#sent += chunk.length;
      if (this.#sent <= this.#rules.maxBytes) return;
      body.unpipe(outgoing);
      const error = this.#tooLarge();
      onFailed(error);
      outgoing.destroy(error);
    });
    body.pipe(outgoing);
  }

  #refusal(answer: IncomingMessage, token: string | undefined): GitError {
    answer.destroy();
    const { repository } = this.#target;
    const what = this.#rules.mayPush ? 'push' : 'read';
    const { statusCode: status = 0, headers } = answer;
    return refusalOf({ status, headers }, { repository, what, hasCredential: token !== undefined });
  }

  #tooLarge(): GitError {
    const { repository } = this.#target;
    const megabytes = Math.round(this.#rules.maxBytes / 1_048_576);
    return new GitError(
      'tooLarge',
      `${repository.url} needs more than ${megabytes} MiB. Use a smaller repository or ref, or raise AGENT_GIT_MEGABYTES.`,
    );
  }

  #broken(error: unknown): GitError {
    return error instanceof GitError ? error : unreachable(this.#target.repository.host, error);
  }
}

/** `git` shows plain text as what the remote says. */
function answerWith(error: GitError, request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  // A connection that is closed before the request is read loses the response.
  request.resume();
  response.writeHead(STATUS[error.kind] ?? 403, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${error.message}\n`);
}
