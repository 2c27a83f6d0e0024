import packageJson from '../package.json' with { type: 'json' };
import type { ProcessTrace } from './claude/process-trace.ts';
import type { LocalServer } from './gateway/local-server.ts';
import type { RunTokens } from './gateway/run-tokens.ts';
import type { RunMetrics } from './http/metrics.ts';
import type { Log } from './log.ts';
import type { Settings } from './settings.ts';
import { ClaudeSpans } from './tracing/claude-spans.ts';
import type { TracingSettings } from './tracing/setting.ts';
import { SpanExport } from './tracing/span-export.ts';
import { Tracing } from './tracing/tracing.ts';

/** What makes the spans of runs, and sends them. */
export interface ComposedTracing {
  readonly runs: Tracing;
  readonly spans: SpanExport;
  /** Takes the spans of a process of the CLI. @param sessionId its conversation. */
  readonly openProcess: (sessionId: string) => ProcessTrace;
}

/** What {@link composeTracing} needs besides the settings. */
interface Parts {
  /** Those that the gateway and the local server accept. */
  readonly tokens: RunTokens;
  readonly local: LocalServer;
  readonly metrics: RunMetrics;
  readonly log: Log;
}

/** Loads nothing and sends nothing yet. */
export function composeTracing(
  { environment, runners }: Settings,
  tracing: TracingSettings,
  { tokens, local, metrics, log }: Parts,
): ComposedTracing {
  const { version } = packageJson;
  const spans = new SpanExport({ settings: tracing, version, environment, log, onResult: metrics.watchSpans() });
  const claude = new ClaudeSpans({
    tokens,
    url: () => runners?.gatewayUrl ?? local.url,
    // A runner sets these itself.
    environment: runners ? undefined : environment,
    spans,
    log,
  });
  return { runs: new Tracing(tracing, spans), spans, openProcess: (sessionId) => claude.open(sessionId) };
}
