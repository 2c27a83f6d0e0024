import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { spansOf, type ReceivedSpan } from './decode.ts';

/** A request as it arrived. */
export interface CollectorRequest {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** A collector of traces: OTLP over HTTP, in protobuf and JSON, compressed or not. */
export class Collector implements AsyncDisposable {
  /** Every span that was accepted, oldest first. */
  readonly spans: ReceivedSpan[] = [];
  readonly requests: CollectorRequest[] = [];
  /** Everything of the bodies that were accepted, as text. */
  text = '';
  /** The status of each response; 'hang' never responds. */
  reaction: number | 'hang' = 200;
  /** Called after each request. */
  onRequest: (spans: readonly ReceivedSpan[]) => void = () => undefined;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#take(request, response).catch((error: unknown) => {
        response.writeHead(400).end(String(error));
      });
    });
  }

  /** Starts a collector, by default on a free port of loopback. */
  static async start(options: { readonly host?: string; readonly port?: number } = {}): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve, reject) => {
      collector.#server.once('error', reject);
      collector.#server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
    });
    return collector;
  }

  /** The value for `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  /** The spans of a trace. */
  of(traceId: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** Stops listening and drops all connections. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url: path, headers } = request;
    const body = await buffer(request);
    this.requests.push({ method, path, headers });
    const whole = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    if (this.reaction === 'hang') return;
    if (this.reaction !== 200) {
      response.writeHead(this.reaction).end();
      this.onRequest([]);
      return;
    }
    if (method !== 'POST' || path !== '/v1/traces') throw new Error(`No ${method} ${path}`);
    const contentType = headers['content-type'] ?? '';
    const spans = spansOf(whole, contentType);
    this.spans.push(...spans);
    this.text += whole.toString('latin1');
    response.writeHead(200, { 'content-type': contentType }).end(contentType.includes('json') ? '{}' : '');
    this.onRequest(spans);
  }
}
