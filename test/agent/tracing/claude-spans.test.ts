import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ProcessTrace } from '../../../agent/claude/process-trace.ts';
import { LocalServer } from '../../../agent/gateway/local-server.ts';
import { RunTokens } from '../../../agent/gateway/run-tokens.ts';
import { ClaudeSpans } from '../../../agent/tracing/claude-spans.ts';
import type { FinishedSpan } from '../../../agent/tracing/span.ts';
import { keepingLog } from '../../support/gateway.ts';

const RUN = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sampled: true, state: 'a=b' };

let lines: string[];
let taken: FinishedSpan[];
let dropped: number;
let server: LocalServer;
let process: ProcessTrace;
let spans: ClaudeSpans;
beforeEach(async () => {
  [lines, taken, dropped] = [[], [], 0];
  const log = keepingLog(lines);
  const tokens = new RunTokens();
  server = new LocalServer(tokens, log);
  await server.listen();
  const to = { add: (span: FinishedSpan) => void taken.push(span), drop: (count: number) => (dropped += count) };
  spans = new ClaudeSpans({ tokens, url: () => server.url, environment: { NO_PROXY: 'a' }, spans: to, log });
  process = spans.open('a-conversation');
});
afterEach(() => server.close());

const spanWith = (fields: object) => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  name: 'claude_code.tool',
  startTimeUnixNano: '1000000',
  endTimeUnixNano: '2000000',
  ...fields,
});
const bodyOf = (...all: object[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: all }] }] });

/** Sends as a process does that was started with these variables. */
async function send(body: string, variables = process.environment(undefined), more: RequestInit = {}) {
  const url = variables['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? '';
  const [name = '', token = ''] = variables['OTEL_EXPORTER_OTLP_TRACES_HEADERS']?.split('=') ?? [];
  return fetch(url, { method: 'POST', body, headers: { [name]: token }, ...more });
}

it('a process that was started ahead sends spans of a trace of its own, which join that of its run', async () => {
  const variables = process.environment(undefined);
  const [, traceId = '', parent = ''] = variables['TRACEPARENT']?.split('-') ?? [];
  process.join(RUN);
  const own = spanWith({ traceId, parentSpanId: parent });
  const child = spanWith({ traceId, spanId: 'c'.repeat(16), parentSpanId: 'b'.repeat(16) });
  expect((await send(bodyOf(own, child), variables)).status).toBe(200);
  expect(taken).toMatchObject([
    { traceId: RUN.traceId, spanId: 'b'.repeat(16), parentId: RUN.spanId, state: 'a=b' },
    { traceId: RUN.traceId, spanId: 'c'.repeat(16), parentId: 'b'.repeat(16) },
  ]);
});

it('a process that was started for its run has the trace of that, and calls the agent without a proxy', () => {
  expect(process.environment(RUN)).toMatchObject({
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1',
    OTEL_TRACES_EXPORTER: 'otlp',
    TRACEPARENT: `00-${RUN.traceId}-${RUN.spanId}-01`,
    TRACESTATE: 'a=b',
    NO_PROXY: 'a,127.0.0.1',
  });
});

it('spans are ignored before a process has its run, and if that is not recorded', async () => {
  await send(bodyOf(spanWith({})));
  process.join({ ...RUN, sampled: false });
  await send(bodyOf(spanWith({})));
  expect([taken, dropped]).toEqual([[], 0]);
});

it('a process may send only so many', async () => {
  process.join(RUN);
  const many = bodyOf(...Array.from({ length: 5000 }, () => spanWith({})));
  for (let i = 0; i < 5; i += 1) await send(many);
  expect([taken.length, dropped]).toEqual([20_000, 5000]);
});

it.each<[string, number, string, RequestInit]>([
  ['what is no JSON', 400, 'x', {}],
  ['a compressed body', 415, '{}', { headers: { 'content-encoding': 'gzip' } }],
  ['another method', 404, '{}', { method: 'PUT' }],
])('%s is refused, and the log says so without it', async (_, status, body, more) => {
  process.join(RUN);
  const variables = process.environment(undefined);
  const [name = '', token = ''] = variables['OTEL_EXPORTER_OTLP_TRACES_HEADERS']?.split('=') ?? [];
  const headers = { ...(more.headers as Record<string, string> | undefined), [name]: token };
  expect((await send(body, variables, { ...more, headers })).status).toBe(status);
  expect(lines).toEqual([expect.stringContaining('spans of claude were refused')]);
  expect(lines.join()).not.toContain(token);
});

it('a body that is too large is refused, and nothing of it is kept', async () => {
  process.join(RUN);
  const refused = await send('x'.repeat(3 * 1_048_576)).then(
    ({ status }) => status,
    // The connection may be closed before all of it is sent.
    () => 413,
  );
  expect(refused).toBe(413);
  expect(taken).toEqual([]);
});

it('a token ends with its process', async () => {
  const variables = process.environment(undefined);
  process.end();
  expect((await send(bodyOf(spanWith({})), variables)).status).toBe(403);
});
