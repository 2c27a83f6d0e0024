import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { Collector } from '../../doubles/collector/server.ts';
import type { ReceivedSpan } from '../../doubles/collector/decode.ts';
import { Receiver } from '../../doubles/receiver/server.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { callOf, postMcp } from '../../support/mcp.ts';
import { tellsLoaded } from '../../support/tells-loaded.ts';
import { answer, call } from '../steps/claude-steps.ts';

const PARENT = '00f067aa0ba902b7';
const QUICK = { OTEL_BSP_SCHEDULE_DELAY: '20' };
/** Tells which packages of OpenTelemetry are loaded, besides the interface without an SDK that prom-client always loads. */
const TELLS_LOADED = tellsLoaded("name.startsWith('@opentelemetry/')&&!context.parentURL.includes('/prom-client/')");
const SECRET = 'the-contents';
const TOKEN_OF_COLLECTOR = 'canary-of-the-collector';
const PROMPTS = {
  'prints the header': [
    call('t1', 'Bash', { command: 'env' }),
    answer('t1', `got ${TOKEN_OF_COLLECTOR}`),
    { do: 'result', text: 'done' },
  ],
  [`uses a tool ${SECRET}`]: [
    call('t1', 'Bash', { command: SECRET }),
    answer('t1', SECRET),
    { do: 'result', text: SECRET },
  ],
  fails: [{ do: 'exit', code: 3 }],
  hangs: [{ do: 'hang' }],
} as const;

let ids = 0;
const newTrace = () => `4bf92f3577b34da6a3ce${String((ids += 1)).padStart(12, '0')}`;
const from = (traceId: string, flags = '01') => ({
  traceparent: `00-${traceId}-${PARENT}-${flags}`,
  tracestate: 'a=b',
});
const named = (spans: readonly ReceivedSpan[], name: string) => spans.find((span) => span.name === name);

describe('the spans of a run', () => {
  let collector: Collector;
  let receiver: Receiver;
  let agent: Agent;
  beforeAll(async () => {
    collector = await Collector.start();
    receiver = await Receiver.start();
    const env = {
      ...QUICK,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `x-tenant=mine,authorization=Bearer%20${TOKEN_OF_COLLECTOR}`,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      AGENT_CALLBACK_HOSTS: receiver.host,
      AGENT_WARM_START: 'off',
    };
    agent = await Agent.start({ prompts: PROMPTS, env });
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await collector.stop();
    await receiver.stop();
  });

  const spansOf = async (traceId: string) => {
    await until(() => named(collector.of(traceId), 'run') !== undefined, 'the span of the run');
    return collector.of(traceId);
  };
  const post = async (prompt: string, headers: Readonly<Record<string, string>>, more: object = {}) => {
    const response = await agent.post({ prompt, ...more }, { headers });
    return (await response.json()) as { runId: string; traceId?: string; warnings: string[] };
  };

  it("continue the client's trace, with its labels of n8n, and hold no contents", async () => {
    const traceId = newTrace();
    const labels = { workflow: 'w1', workflowName: 'Reports', execution: '77', other: SECRET };
    const { runId } = await post(`uses a tool ${SECRET}`, from(traceId), { labels });
    const spans = await spansOf(traceId);
    const [run, waiting, running, tool] = ['run', 'wait in queue', 'invoke_agent Claude Code', 'execute_tool Bash'].map(
      (name) => named(spans, name),
    );
    expect(run).toMatchObject({
      parentSpanId: PARENT,
      traceState: 'a=b',
      status: 0,
      attributes: {
        'claude_agent.run.id': runId,
        'claude_agent.run.outcome': 'succeeded',
        'claude_agent.caller': 'operator',
        'n8n.workflow.id': 'w1',
        'n8n.workflow.name': 'Reports',
        'n8n.execution.id': '77',
      },
      resource: { 'service.name': 'claude-code-agent', 'deployment.environment.name': 'test' },
    });
    expect(waiting?.parentSpanId).toBe(run?.spanId);
    expect(running?.parentSpanId).toBe(run?.spanId);
    expect(tool).toMatchObject({ parentSpanId: running?.spanId, attributes: { 'gen_ai.tool.name': 'Bash' } });
    expect(JSON.stringify(spans)).not.toContain(SECRET);
    expect(collector.text).not.toContain(SECRET);
    expect(collector.requests[0]?.headers).toMatchObject({
      'x-tenant': 'mine',
      'content-type': 'application/x-protobuf',
    });
  });

  it('are named by the trace in the answer, the record, the list, the log and on the page', async () => {
    const traceId = newTrace();
    const { runId, traceId: answered } = await post('x', from(traceId));
    expect(answered).toBe(traceId);
    const record = (await (await agent.fetch(`/runs/${runId}`)).json()) as RunResource;
    expect(record.traceId).toBe(traceId);
    const { runs } = (await (await agent.fetch('/runs?limit=1')).json()) as { runs: RunResource[] };
    expect(runs[0]?.traceId).toBe(traceId);
    expect(agent.lines.filter((line) => line.includes(runId) && line.includes(traceId))).toHaveLength(2);
    const form = new URLSearchParams({ token: TOKEN, action: 'show', run: runId });
    const page = await fetch(agent.url, { method: 'POST', body: form });
    expect(await page.text()).toContain(traceId);
  });

  it('of a run without a trace of its client begin one', async () => {
    const { traceId = '', warnings } = await post('x', {});
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(warnings).toEqual([]);
    expect(named(await spansOf(traceId), 'run')).toMatchObject({ parentSpanId: '', traceState: '' });
  });

  it('of a run whose traceparent has another form begin one, and the answer says so', async () => {
    const { traceId, warnings } = await post('x', { traceparent: `00-${'0'.repeat(32)}-${PARENT}-01` });
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(warnings).toEqual([expect.stringContaining('The header traceparent is ignored')]);
    const headers = { 'Content-Type': 'application/json', traceparent: 'x' };
    const response = await agent.fetch('/runs', { method: 'POST', headers, body: JSON.stringify({ prompt: 'x' }) });
    expect(((await response.json()) as RunResource).warnings).toEqual(warnings);
  });

  it('are none if the client records none, and the trace is still named', async () => {
    const [traceId, next] = [newTrace(), newTrace()];
    expect((await post('x', from(traceId, '00'))).traceId).toBe(traceId);
    await post('x', from(next));
    await spansOf(next);
    expect(collector.of(traceId)).toEqual([]);
  });

  it('go to the collector with a header that is masked in transcripts', async () => {
    const { runId } = await post('prints the header', {});
    const transcript = await (await agent.fetch(`/runs/${runId}/transcript`)).text();
    expect(transcript).toContain('[masked]');
    expect(transcript).not.toContain(TOKEN_OF_COLLECTOR);
  });

  it('of a failed one are errors without its message', async () => {
    const traceId = newTrace();
    await post('fails', from(traceId));
    const spans = await spansOf(traceId);
    expect(named(spans, 'run')).toMatchObject({ status: 2, statusMessage: '', attributes: { 'error.type': 'failed' } });
    expect(named(spans, 'invoke_agent Claude Code')?.status).toBe(2);
  });

  it('go on outside: a callback is within the span of the run', async () => {
    const traceId = newTrace();
    await post('x', from(traceId), { callbackUrl: receiver.url('/done') });
    await until(() => receiver.at('/done').length > 0);
    const run = named(await spansOf(traceId), 'run');
    expect(receiver.at('/done')[0]?.headers).toMatchObject({
      traceparent: `00-${traceId}-${run?.spanId}-01`,
      tracestate: 'a=b',
    });
  });

  it('of a repeated request are those of the first, whatever its trace', async () => {
    const [traceId, other] = [newTrace(), newTrace()];
    const key = { 'Idempotency-Key': traceId };
    const first = await post('x', { ...key, ...from(traceId) });
    expect(await post('x', { ...key, ...from(other) })).toMatchObject({ runId: first.runId, traceId });
  });

  it('of a run over MCP continue the trace of its request, or begin one and say why', async () => {
    const ask = async (headers: Readonly<Record<string, string>>) => {
      const response = await postMcp(agent, callOf(1, 'run', { prompt: 'x' }), headers);
      const [, message = ''] = /^data: (.*)$/m.exec(await response.text()) ?? [];
      return (JSON.parse(message) as { result: { structuredContent: RunResource } }).result.structuredContent;
    };
    const traceId = newTrace();
    expect(await ask(from(traceId))).toMatchObject({ traceId, warnings: [] });
    expect(named(await spansOf(traceId), 'run')).toMatchObject({ parentSpanId: PARENT, traceState: 'a=b' });
    const { traceId: own = '', warnings } = await ask({ traceparent: 'x' });
    expect(warnings).toEqual([expect.stringContaining('The header traceparent is ignored')]);
    expect(named(await spansOf(own), 'run')).toMatchObject({ parentSpanId: '' });
  });

  it('of a run that a crash interrupted end with an error, in the same trace', async () => {
    const traceId = newTrace();
    const headers = { 'Content-Type': 'application/json', ...from(traceId) };
    const body = JSON.stringify({ prompt: 'hangs' });
    const response = await agent.fetch('/runs', { method: 'POST', headers, body });
    const { id } = (await response.json()) as RunResource;
    await until(() => agent.claude.begun().includes('hangs'));
    await agent.crash();
    const spans = await spansOf(traceId);
    expect(named(spans, 'run')).toMatchObject({
      parentSpanId: PARENT,
      status: 2,
      attributes: { 'claude_agent.run.id': id, 'claude_agent.run.outcome': 'interrupted', 'error.type': 'interrupted' },
    });
    expect(named(spans, 'invoke_agent Claude Code')?.status).toBe(2);
  });
});

describe('a collector', () => {
  it('that is down, slow or fails costs spans, one line of the log, and nothing else', async () => {
    await using collector = await Collector.start();
    const env = {
      ...QUICK,
      AGENT_WARM_START: 'off',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_TIMEOUT: '600',
      OTEL_BSP_MAX_QUEUE_SIZE: '5',
    };
    await using agent = await Agent.start({ env });
    const count = async (result: string) => {
      const metrics = await (await agent.fetch('/metrics')).text();
      return Number(new RegExp(`^claude_agent_spans_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(metrics)?.[1]);
    };
    collector.reaction = 500;
    expect(await agent.run('a')).toMatchObject({ success: true });
    await until(async () => (await count('failed')) === 3);
    collector.reaction = 'hang';
    for (const prompt of ['b', 'c', 'd']) expect(await agent.run(prompt)).toMatchObject({ success: true });
    await until(async () => (await count('dropped')) > 0);
    await until(async () => (await count('failed')) >= 6);
    collector.reaction = 200;
    await until(async () => {
      await agent.run('e');
      return (await count('exported')) >= 3;
    });
    await collector.stop();
    expect(await agent.run('f')).toMatchObject({ success: true });
    expect(await agent.end('SIGTERM')).toBe(0);
    expect(agent.lines.filter((line) => line.includes('spans were not exported'))).toHaveLength(1);
  });

  it('gets what is left when the agent shuts down, in JSON if that is asked for', async () => {
    await using collector = await Collector.start();
    const endpoint = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    };
    await using agent = await Agent.start({ env: { ...endpoint, AGENT_WARM_START: 'off' } });
    await agent.run('x');
    expect(await agent.end('SIGTERM')).toBe(0);
    expect(collector.spans.map(({ name }) => name)).toEqual(['wait in queue', 'invoke_agent Claude Code', 'run']);
    expect(collector.requests[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    });
  });
});

describe('without a collector', () => {
  it("the agent's own modules load nothing of OpenTelemetry, and a client's trace is kept and passed on", async () => {
    await using receiver = await Receiver.start();
    const env = { AGENT_WARM_START: 'off', AGENT_CALLBACK_HOSTS: receiver.host };
    await using agent = await Agent.start({ command: TELLS_LOADED, env });
    const traceId = newTrace();
    const body = { prompt: 'x', callbackUrl: receiver.url('/done') };
    const response = await agent.post(body, { headers: from(traceId) });
    expect(await response.json()).toMatchObject({ traceId, warnings: [] });
    expect(await agent.run('x')).not.toHaveProperty('traceId');
    await until(() => receiver.at('/done').length > 0);
    expect(receiver.at('/done')[0]?.headers).toMatchObject(from(traceId));
    const [began] = agent.claude.journal().filter(({ what }) => what === 'began');
    expect(Object.keys(began && 'env' in began ? began.env : {}).join()).not.toMatch(/OTEL|TRACE|TELEMETRY/);
    expect(agent.lines.join('\n')).not.toContain('loaded @opentelemetry');
    expect(await (await agent.fetch('/metrics')).text()).not.toContain('claude_agent_spans_total');
  });

  it('it is loaded with one, after the agent listens', async () => {
    await using collector = await Collector.start();
    const env = { AGENT_WARM_START: 'off', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    await using agent = await Agent.start({ command: TELLS_LOADED, env });
    const indexOf = (what: string) => agent.lines.findIndex((line) => line.includes(what));
    await until(() => indexOf('loaded @opentelemetry/sdk-trace') >= 0);
    expect(indexOf('"msg":"listening"')).toBeLessThan(indexOf('loaded @opentelemetry'));
  });
});
