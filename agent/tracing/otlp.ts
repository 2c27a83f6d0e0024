import { SpanKind, SpanStatusCode, TraceFlags, type SpanContext } from '@opentelemetry/api';
import { ExportResultCode, TraceState, type ExportResult } from '@opentelemetry/core';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import { proxyEnvironment } from '../gateway/proxy.ts';
import type { FinishedSpan } from './span.ts';
import { headersOf, type TracingSettings } from './setting.ts';

/** Sends spans to a collector. */
export interface SpanSender {
  add(span: FinishedSpan): void;
  /** Sends what waits. Settles when that has been sent, or has failed; nothing limits the time. Never rejects. */
  close(): Promise<void>;
}

/** What a {@link SpanSender} needs. */
export interface SpanSenderParts {
  readonly settings: TracingSettings;
  /** Of the agent. */
  readonly version: string;
  /** With the proxy variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Called for each batch. @param error why it was not sent. */
  readonly onSent: (spans: number, error?: Error) => void;
}

const KINDS = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;
const SCOPE = { name: 'claude-code-agent' };
const CLAUDE_SCOPE = { name: 'com.anthropic.claude_code.tracing' };
const CLAUDE_SERVICE = 'claude-code';

/** Uses the SDK of OpenTelemetry, which takes a tenth of a second to load: import this module only when it is needed. */
export async function createSpanSender(parts: SpanSenderParts): Promise<SpanSender> {
  const { settings, version, onSent } = parts;
  const exporter = await exporterFor(parts);
  const processor = new BatchSpanProcessor({
    exporter: told(exporter, onSent),
    maxQueueSize: settings.queueSize,
    maxExportBatchSize: settings.batchSize,
    scheduledDelayMillis: settings.delayMs,
    exportTimeoutMillis: settings.timeoutMs,
  });
  const own = resourceFromAttributes({ [ATTR_SERVICE_VERSION]: version, ...settings.resource });
  const ofClaude = new Map<string, Resource>();
  const resourceOf = ({ ofClaude: release }: FinishedSpan) => {
    if (release === undefined) return own;
    const known = ofClaude.get(release);
    if (known) return known;
    const made = resourceFromAttributes({
      ...settings.resource,
      [ATTR_SERVICE_NAME]: CLAUDE_SERVICE,
      [ATTR_SERVICE_VERSION]: release,
    });
    ofClaude.clear();
    ofClaude.set(release, made);
    return made;
  };
  return {
    add: (span) => processor.onEnd(readable(span, resourceOf(span))),
    close: () => processor.shutdown().catch(() => undefined),
  };
}

async function exporterFor({ settings, environment }: SpanSenderParts): Promise<SpanExporter> {
  const { url, timeoutMs, compression, headers, headersFile, protocol } = settings;
  const options = {
    url,
    timeoutMillis: timeoutMs,
    // The package exports no names for these values.
    compression: compression as never,
    headers: () => Promise.resolve({ ...headers, ...(headersFile !== undefined && headersOf(headersFile)) }),
    concurrencyLimit: 4,
    httpAgentOptions: { keepAlive: true, proxyEnv: proxyEnvironment(environment) },
  };
  if (protocol === 'http/json') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
    return new OTLPTraceExporter(options);
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter(options);
}

/** The same exporter, which tells what became of each batch. */
function told(exporter: SpanExporter, onSent: SpanSenderParts['onSent']): SpanExporter {
  return {
    export(spans, done) {
      exporter.export(spans, (result: ExportResult) => {
        const isSent = result.code === ExportResultCode.SUCCESS;
        onSent(spans.length, isSent ? undefined : (result.error ?? new Error('unknown')));
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush && { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
  };
}

function readable(span: FinishedSpan, resource: Resource): ReadableSpan {
  const { traceId, spanId, parentId, isParentRemote, state, start, end } = span;
  const of = (id: string, more: Partial<SpanContext> = {}): SpanContext => ({
    traceId,
    spanId: id,
    traceFlags: TraceFlags.SAMPLED,
    ...(state !== undefined && { traceState: new TraceState(state) }),
    ...more,
  });
  const context = of(spanId);
  return {
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => context,
    ...(parentId !== undefined && { parentSpanContext: of(parentId, { isRemote: isParentRemote === true }) }),
    startTime: timeOf(start),
    endTime: timeOf(Math.max(start, end)),
    duration: timeOf(Math.max(0, end - start)),
    status: { code: span.isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: span.attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: span.ofClaude === undefined ? SCOPE : CLAUDE_SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.floor((ms - seconds * 1000) * 1_000_000)];
}
