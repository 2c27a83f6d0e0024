import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import type { ReceivedSpan } from '../../doubles/collector/decode.ts';
import { Collector } from '../../doubles/collector/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { AS_ROOT } from '../../support/claude.ts';
import { closedPort } from '../../support/closed-port.ts';
import { needs, unless } from '../../support/needs.ts';
import { rawPublicKey } from '../../../agent/runner/key.ts';
import { KEY, NO_CONTAINER, RunnerProgram } from '../../support/runner.ts';

const CANARY = 'canary-of-contents';
const API_KEY = 'sk-ant-api03-of-this-test';
const TOKEN_OF_COLLECTOR = 'canary-of-the-collector';
const PARENT = '00f067aa0ba902b7';
/** With everything that makes the CLI write contents into its own spans. */
const TELLS_ALL = {
  env: {
    OTEL_LOG_USER_PROMPTS: '1',
    OTEL_LOG_ASSISTANT_RESPONSES: '1',
    OTEL_LOG_TOOL_DETAILS: '1',
    OTEL_LOG_TOOL_CONTENT: '1',
    OTEL_LOG_RAW_API_BODIES: '1',
  },
};

let ids = 0;
const newTrace = () => `5bf92f3577b34da6a3ce${String((ids += 1)).padStart(12, '0')}`;
const named = (spans: readonly ReceivedSpan[], name: string) => spans.find((span) => span.name === name);

describe('the spans of the real CLI', () => {
  let api: AnthropicDouble;
  let collector: Collector;
  let agent: Agent;
  const variables = () => ({
    AGENT_CLAUDE_PATH: undefined,
    ...AS_ROOT,
    ANTHROPIC_BASE_URL: api.url,
    AGENT_AUTH_MODE: 'apiKey',
    ANTHROPIC_API_KEY: API_KEY,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `Authorization=Bearer%20${TOKEN_OF_COLLECTOR}`,
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
  /** All spans of a run, with the CLI's own, which come when its process ends. */
  const traced = async (prompt: string, fields: object = {}) => {
    const traceId = newTrace();
    const headers = { traceparent: `00-${traceId}-${PARENT}-01` };
    const answer = await (await agent.post({ prompt, ...fields }, { headers })).json();
    await until(() => {
      const spans = collector.of(traceId);
      return named(spans, 'run') !== undefined && named(spans, 'claude_code.interaction') !== undefined;
    }, 'the spans of the run and of the CLI');
    return { spans: collector.of(traceId), answer: answer as { output: string; outcome: string } };
  };
  const warmHits = async () => {
    const metrics = await (await agent.fetch('/metrics')).text();
    return Number(/^claude_agent_warm_starts_total\{result="hit"\} (\d+)$/m.exec(metrics)?.[1]);
  };
  const warmProcess = () =>
    until(async () => /^claude_agent_warm_processes [1-9]/m.test(await (await agent.fetch('/metrics')).text()));

  const expectOneTree = (spans: readonly ReceivedSpan[]) => {
    const own = new Set(spans.map(({ spanId }) => spanId));
    const outside = spans.filter(({ parentSpanId }) => !own.has(parentSpanId));
    expect(outside.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([['run', PARENT]]);
    const running = named(spans, 'invoke_agent Claude Code');
    expect(named(spans, 'claude_code.interaction')?.parentSpanId).toBe(running?.spanId);
    expect(named(spans, 'claude_code.interaction')?.resource['service.name']).toBe('claude-code');
  };

  describe('on this machine', () => {
    beforeAll(async () => {
      api = await startAnthropicDouble();
      collector = await Collector.start();
      agent = new Agent();
      const settings = path.join(agent.folder, 'settings.json');
      writeFileSync(settings, JSON.stringify(TELLS_ALL));
      Object.assign(agent.env, variables(), { AGENT_CLAUDE_SETTINGS: settings, HTTP_PROXY: await closedPort() });
      // The double of the API is called without the proxy.
      agent.env['NO_PROXY'] = '127.0.0.1';
      await agent.start();
    });
    afterAll(async () => {
      await agent[Symbol.asyncDispose]();
      await collector.stop();
      await api.close();
    });

    it('of a prepared process, which knew nothing of its run, are within it', async () => {
      await warmProcess();
      const before = await warmHits();
      const { spans } = await traced(`say ${CANARY}`);
      expect(await warmHits()).toBe(before + 1);
      expectOneTree(spans);
      expect(spans.filter(({ name }) => name.startsWith('chat '))).toHaveLength(1);
      expect(named(spans, 'claude_code.llm_request')?.attributes['input_tokens']).toBeGreaterThan(0);
    });

    it('of a process for a run of its own are within it, and its tools know the trace', async () => {
      const tool = `[[bash:echo $TRACEPARENT; env | grep -c OTEL_EXPORTER; echo ${CANARY}; exit 3]]`;
      const { spans, answer } = await traced(`${tool} ${CANARY}`, { appendSystemPrompt: CANARY });
      expectOneTree(spans);
      const { traceId = '' } = spans[0] ?? {};
      const running = named(spans, 'invoke_agent Claude Code');
      expect(answer.output).toContain(`00-${traceId}-${running?.spanId}-01\n0\n`);
      expect(named(spans, 'execute_tool Bash')).toMatchObject({ status: 2, parentSpanId: running?.spanId });
      expect(named(spans, 'claude_code.tool')?.attributes).toMatchObject({ tool_name: 'Bash' });
    });

    it('hold no contents, not even if the settings of claude ask for them', async () => {
      const input = JSON.stringify({ file_path: `${CANARY}.txt`, content: CANARY });
      await traced(`[[bash:echo ${CANARY}]][[tool:Write ${input}]] ${CANARY}`);
      await traced(`[[fail:400]] ${CANARY}`);
      expect(collector.spans.length).toBeGreaterThan(10);
      expect(collector.text).not.toContain(CANARY);
    });

    it('leave the collector and its credential to the agent', async () => {
      const { answer } = await traced('[[bash:cat /proc/$PPID/environ | tr "\\0" "\\n"]]');
      expect(answer.output).toContain('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
      expect(answer.output).not.toContain(TOKEN_OF_COLLECTOR);
      expect(answer.output).not.toContain(collector.url);
    });
  });

  describe('on a runner', needs(unless(NO_CONTAINER === undefined, NO_CONTAINER ?? '')), () => {
    let runner: RunnerProgram;
    beforeAll(async () => {
      api = await startAnthropicDouble();
      collector = await Collector.start();
      runner = await RunnerProgram.start({
        env: { RUNNER_PUBLIC_KEY: rawPublicKey(KEY), HTTPS_PROXY: await closedPort(), ...AS_ROOT },
      });
      agent = new Agent();
      const keyFile = path.join(agent.folder, 'runner-key.pem');
      writeFileSync(keyFile, KEY.export({ format: 'pem', type: 'pkcs8' }));
      const { port } = new URL(await closedPort());
      Object.assign(agent.env, variables(), {
        AGENT_RUNNERS: `http://127.0.0.1:${runner.address.port}`,
        AGENT_GATEWAY_PORT: port,
        AGENT_GATEWAY_URL: `http://127.0.0.1:${port}`,
        AGENT_RUNNER_KEY_FILE: keyFile,
      });
      await agent.start();
      await until(async () => (await agent.health()).slots === 1);
    });
    afterAll(async () => {
      await agent[Symbol.asyncDispose]();
      await runner[Symbol.asyncDispose]();
      await collector.stop();
      await api.close();
    });

    it('come through the gateway, without contents', async () => {
      const { spans } = await traced(`[[bash:echo ${CANARY}]] ${CANARY}`);
      expectOneTree(spans);
      expect(named(spans, 'claude_code.tool')).toBeDefined();
      expect(collector.text).not.toContain(CANARY);
    });

    it('are all that their token is good for', async () => {
      const url = 'http://$(echo $0)';
      const { answer } = await traced(
        `[[bash:tr "\\0" "\\n" < /proc/$PPID/environ > e; T=$(sed -n "s/^OTEL_EXPORTER_OTLP_TRACES_HEADERS=//p" e | sed "s/=/: /"); U=$(sed -n "s/^ANTHROPIC_BASE_URL=//p" e); for p in /v1/traces /v1/messages /v1/logs; do curl -s -o /dev/null -w "$p %{http_code}\\n" -H "$T" -d "{}" $U$p; done]] ${url}`,
      );
      expect(answer.output).toContain('/v1/traces 200\n/v1/messages 404\n/v1/logs 404');
    });
  });
});
