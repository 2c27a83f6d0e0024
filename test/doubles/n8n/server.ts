import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';

import { type DoubleWorkflow, Refusal, Workflows } from './workflows.ts';

/**
 * `current`: as n8n 2.41 is. `first`: before 2.0, which has activate and deactivate only, and no versions to choose
 * from.
 */
export type Generation = 'current' | 'first';

/** Where the double listens and how it behaves. */
export interface N8nDoubleOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
  readonly generation?: Generation;
  /** The only API key. Default `n8n-key`. */
  readonly apiKey?: string;
  /** Called with each request before and after it takes effect; rejects to send no response. */
  readonly gate?: (when: 'before' | 'after', what: string) => Promise<void> | void;
}

/** A running double of n8n's public API. */
export interface N8nDouble extends AsyncDisposable {
  /** The base URL, without `/api/v1`. */
  readonly url: string;
  readonly workflows: Workflows;
  /** Method and path of every request, oldest first. */
  readonly requests: readonly string[];
  /** The status of every response, such as 503; undefined for a healthy n8n. */
  failing: number | undefined;
  /** The largest page: 250 would be too large for tests. */
  pageSize: number;
}

/** Starts a double of n8n. */
export async function startN8nDouble(options: N8nDoubleOptions = {}): Promise<N8nDouble> {
  const { host = '127.0.0.1', port = 0, generation = 'current', apiKey = 'n8n-key', gate } = options;
  const requests: string[] = [];
  const workflows = new Workflows();

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const double: N8nDouble = {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    workflows,
    requests,
    failing: undefined,
    pageSize: 250,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return double;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://n8n');
    const body = await readText(request);
    if (url.pathname.startsWith('/_control')) {
      send(response, 200, control(request.method ?? '', url, body));
      return;
    }
    const what = `${request.method ?? ''} ${url.pathname.replace('/api/v1', '')}`;
    requests.push(what);
    await gate?.('before', what);
    let status = 200;
    let answer: unknown;
    try {
      if (double.failing !== undefined) throw new Refusal(double.failing, 'failing');
      if (request.headers['x-n8n-api-key'] !== apiKey) throw new Refusal(401, 'Unauthorized');
      answer = route(what, url, parse(body));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      status = error.status;
      answer = { message: error.message };
    }
    await gate?.('after', what);
    send(response, status, answer);
  }

  function route(what: string, url: URL, body: { versionId?: string }): unknown {
    const [, method, id, verb] = /^(GET|POST) \/workflows(?:\/([^/]+))?(?:\/([a-z]+))?$/.exec(what) ?? [];
    if (method === 'GET' && id === undefined) return page(url.searchParams);
    if (method === 'GET' && id !== undefined && verb === undefined) return shown(workflows.get(id));
    if (method === 'POST' && id !== undefined) {
      const verbs =
        generation === 'current' ? ['publish', 'unpublish', 'activate', 'deactivate'] : ['activate', 'deactivate'];
      if (!verbs.includes(verb ?? '')) throw new Refusal(generation === 'current' ? 405 : 404, 'not found');
      const on = verb === 'publish' || verb === 'activate';
      const version = generation === 'current' ? body.versionId : undefined;
      return shown(on ? workflows.publish(id, version) : workflows.unpublish(id));
    }
    throw new Refusal(404, 'not found');
  }

  /** The cursor is a position in the workflows that match the filter at that moment. */
  function page(query: URLSearchParams) {
    const cursor = query.get('cursor');
    const { limit, offset } = (
      cursor === null
        ? { limit: Math.min(Number(query.get('limit') ?? 100), double.pageSize), offset: 0 }
        : JSON.parse(Buffer.from(cursor, 'base64').toString())
    ) as { limit: number; offset: number };
    const tags = query.get('tags')?.split(',') ?? [];
    const matching = workflows
      .list()
      .filter((workflow) => tags.every((tag) => workflow.tags.includes(tag)))
      .filter(({ active }) => query.get('active') === null || String(active) === query.get('active'));
    const next = offset + limit;
    const nextCursor =
      next < matching.length ? Buffer.from(JSON.stringify({ limit, offset: next })).toString('base64') : null;
    return { data: matching.slice(offset, next).map(shown), nextCursor };
  }

  function shown({ activeVersionId, ...workflow }: DoubleWorkflow): object {
    const common = { ...workflow, tags: workflow.tags.map((name) => ({ id: name, name })), connections: {} };
    return generation === 'current' ? { ...common, activeVersionId } : common;
  }

  /** For a double in another process: `POST /_control/add?name=…`, `POST /_control/edit?name=…`, `GET /_control`. */
  function control(method: string, url: URL, body: string): unknown {
    const name = url.searchParams.get('name') ?? '';
    if (method === 'POST') {
      const verb = url.pathname.split('/').at(-1);
      if (verb === 'add') workflows.add(name, (body === '' ? {} : JSON.parse(body)) as object);
      else if (verb === 'edit') workflows.edit(workflows.named(name).id);
      else if (verb === 'unpublish') workflows.unpublish(workflows.named(name).id);
      else throw new Error(`There is no ${url.pathname}.`);
    }
    return { workflows: workflows.list(), requests };
  }
}

function parse(body: string): { versionId?: string } {
  return body === '' ? {} : (JSON.parse(body) as { versionId?: string });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
