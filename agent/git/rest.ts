import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Upstream } from '../gateway/upstream.ts';
import { jsonOf } from '../json.ts';
import { GitError } from './errors.ts';
import { unreachable, type HostAnswer } from './refusal.ts';

const MAX_ANSWER_BYTES = 4_194_304;
const ANSWER_MS = 30_000;

/** A request to a REST API. */
export interface RestRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query, below the base URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** It is sent as JSON. */
  readonly body?: unknown;
}

/** The response of a REST API. */
export interface RestAnswer extends HostAnswer {
  /** Undefined if it is no JSON. */
  readonly body: unknown;
}

/** The REST API of a git host. Follows no redirects. */
export class RestApi {
  readonly #host: string;
  readonly #upstream: Upstream;

  /** @param environment has the proxy variables. */
  constructor(baseUrl: string, environment: Readonly<Record<string, string | undefined>>) {
    this.#host = new URL(baseUrl).host;
    this.#upstream = new Upstream(environment, undefined, baseUrl);
  }

  /** @throws {GitError} `hostDown` if there is no response within 30 seconds, or the reason of `signal`. */
  async ask({ method, path, headers, body }: RestRequest, signal?: AbortSignal): Promise<RestAnswer> {
    const limit = AbortSignal.timeout(ANSWER_MS);
    const aborted = signal ? AbortSignal.any([limit, signal]) : limit;
    aborted.throwIfAborted();
    const content = body === undefined ? undefined : JSON.stringify(body);
    const request = this.#upstream.request(method, path, {
      'user-agent': 'claude-code-agent',
      accept: 'application/json',
      ...(content !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(content),
      }),
      ...headers,
    });
    const abort = () => request.destroy(aborted.reason as Error);
    aborted.addEventListener('abort', abort);
    try {
      request.end(content);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const text = await textOf(response, this.#host);
      return { status: response.statusCode ?? 0, headers: response.headers, body: jsonOf(text) };
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof GitError ? error : unreachable(this.#host, error);
    } finally {
      aborted.removeEventListener('abort', abort);
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#upstream.close();
  }
}

async function textOf(response: IncomingMessage, host: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new GitError('refused', `${host} answered with more than 4 MiB.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
