import type { IncomingMessage, ServerResponse } from 'node:http';
import { withoutProxyTo } from '../claude/environment.ts';
import type { ParentSpan, ProcessTrace } from '../claude/process-trace.ts';
import type { RunTokens, TokenHolder } from '../gateway/run-tokens.ts';
import type { Log } from '../log.ts';
import { LogLimit } from '../log-limit.ts';
import { spansIn, type ClaudeSpan } from './otlp-json.ts';
import type { FinishedSpan } from './span.ts';
import type { SpanExport } from './span-export.ts';
import { newSpanId, newTraceId, traceparentOf } from './trace.ts';

/** Below the address of the server that takes the spans. */
export const TRACES_PATH = '/v1/traces';

/** What one process may cost the agent. The CLI sends a few kilobytes every five seconds. */
const MAX_BODY_BYTES = 2 * 1_048_576;
const MAX_REQUESTS = 4;
const MAX_SPANS = 20_000;
/** The CLI waits for its last spans to be taken before it ends. */
const FLUSH_MS = 1000;

/** What {@link ClaudeSpans} needs. */
export interface ClaudeSpansParts {
  readonly tokens: RunTokens;
  /** The address of the server for these tokens, as processes of the CLI reach it; without a path. */
  readonly url: () => string;
  /** The variables of this machine, if processes run on it: they reach the server without its proxy. */
  readonly environment: Readonly<Record<string, string | undefined>> | undefined;
  readonly spans: Pick<SpanExport, 'add' | 'drop'>;
  readonly log: Log;
}

/**
 * The way of the CLI's own spans to the collector. Processes send them to the agent, with a token that is good for nothing else:
 * they have neither the address of the collector nor its credential. The agent takes what is known to hold no contents, and puts
 * the spans into the trace of the run, so it does not matter whether a process knew its trace when it was started.
 */
export class ClaudeSpans {
  readonly #parts: ClaudeSpansParts;
  readonly #refusals: LogLimit;

  constructor(parts: ClaudeSpansParts) {
    this.#parts = parts;
    this.#refusals = new LogLimit(parts.log);
  }

  /** For a process that is about to be started. @param sessionId its conversation. */
  open(sessionId: string): ProcessTrace {
    const { tokens, url, environment } = this.#parts;
    const ahead: ParentSpan = { traceId: newTraceId(), spanId: newSpanId(), sampled: true };
    let started = ahead;
    let trace: ParentSpan | undefined;
    let taken = 0;
    const token = tokens.issue(sessionId, async (request, response, holder) => {
      const body = await this.#bodyOf(request, response, holder);
      if (body === undefined) return;
      const found = spansIn(body, started.spanId);
      if (!found) {
        this.#refuse(response, 400, 'no OTLP traces in JSON', sessionId);
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      if (!trace?.sampled) return;
      const rest = Math.max(0, MAX_SPANS - taken);
      taken += found.length;
      for (const span of found.slice(0, rest)) this.#parts.spans.add(inTrace(span, trace));
      if (found.length > rest) this.#parts.spans.drop(found.length - rest, 'one process of claude has too many');
    });
    return {
      environment: (parent = ahead) => {
        started = parent;
        return {
          CLAUDE_CODE_ENABLE_TELEMETRY: '1',
          CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1',
          OTEL_TRACES_EXPORTER: 'otlp',
          OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url()}${TRACES_PATH}`,
          OTEL_EXPORTER_OTLP_TRACES_HEADERS: `x-api-key=${token}`,
          CLAUDE_CODE_OTEL_FLUSH_TIMEOUT_MS: String(FLUSH_MS),
          CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS: String(FLUSH_MS),
          TRACEPARENT: traceparentOf(parent, parent.spanId),
          ...(parent.state !== undefined && { TRACESTATE: parent.state }),
          ...(environment && withoutProxyTo(url(), environment)),
        };
      },
      join: (parent) => (trace = parent),
      end: () => tokens.revoke(token),
    };
  }

  /** @returns undefined if the request was refused. */
  async #bodyOf(request: IncomingMessage, response: ServerResponse, holder: TokenHolder): Promise<string | undefined> {
    const { sessionId } = holder;
    const refusal = refusalOf(request, holder);
    if (refusal) {
      this.#refuse(response, ...refusal, sessionId);
      request.resume();
      return undefined;
    }
    const left = holder.during(() => response.destroy());
    try {
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of request as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > MAX_BODY_BYTES) {
          this.#refuse(response, 413, 'a body that is too large', sessionId);
          return undefined;
        }
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString('utf8');
    } catch {
      // The process has gone, or its run has ended.
      response.destroy();
      return undefined;
    } finally {
      left();
    }
  }

  #refuse(response: ServerResponse, status: number, why: string, sessionId: string): void {
    this.#refusals.warn('claude-spans', { why, sessionId }, 'spans of claude were refused');
    if (!response.destroyed) response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  }
}

/** Why a request is refused before its body is read: a status, and words for the log. */
function refusalOf({ method, url, headers }: IncomingMessage, { open }: TokenHolder): [number, string] | undefined {
  if (method !== 'POST' || url !== TRACES_PATH) return [404, 'another path'];
  if (open >= MAX_REQUESTS) return [429, 'too many open requests'];
  return headers['content-encoding'] === undefined ? undefined : [415, 'a compressed body'];
}

/** A span of the CLI within the trace of its run; those without a parent, or with that of the start, are below the run's. */
function inTrace(span: ClaudeSpan, { traceId, spanId, state }: ParentSpan): FinishedSpan {
  return { ...span, traceId, parentId: span.parentId ?? spanId, state };
}
