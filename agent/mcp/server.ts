import {
  createMcpHandler,
  McpServer,
  type McpHttpHandler,
  type StandardSchemaWithJSON,
} from '@modelcontextprotocol/server';
import type { Logger } from 'pino';
import type { Caller } from '../callers/callers.ts';
import { RUN_LIMITS } from '../contract.ts';
import { PROBLEMS, type ProblemFacts } from '../http/api/problems.ts';
import type { Json } from '../http/api/json-schema.ts';
import type { RunMetrics } from '../http/metrics.ts';
import type { ProblemError } from '../http/problem.ts';
import { problemFor } from '../http/refusals.ts';
import type { RunEvent } from '../runs/events.ts';
import type { Run } from '../store/run.ts';
import type { TraceHeaders } from '../tracing/trace.ts';
import { TOOL_NAMES, type CallResult, type ToolName } from './names.ts';
import { Progress } from './progress.ts';
import { toolsOf, type Arguments, type ToolDependencies } from './tools.ts';

/** What {@link mcpServer} needs. */
export interface McpDependencies extends ToolDependencies {
  readonly metrics: RunMetrics;
  readonly log: Logger;
  readonly version: string;
}

const REASON_CHARS = 200;
const INSTRUCTIONS =
  'Runs tasks with Claude Code on another machine, and keeps a record of each. Use run to give it a task, and get_run for the result of a run that takes longer.';

/** The caller of a request and its trace, as they are handed through the SDK. */
export const authOf = (caller: Caller, token: string, traceHeaders: TraceHeaders) => ({
  token,
  clientId: caller.name,
  scopes: [],
  extra: { caller, traceHeaders },
});

/** The MCP server of the agent. It has no sessions: each request gets a server of its own, on any agent. */
export function mcpServer(dependencies: McpDependencies): McpHttpHandler {
  const { log, version } = dependencies;
  const tools = toolsOf(dependencies);
  return createMcpHandler(
    ({ authInfo }) => {
      const server = new McpServer({ name: 'claude-code-agent', version }, { instructions: INSTRUCTIONS });
      const from = authInfo?.extra as { readonly caller: Caller; readonly traceHeaders: TraceHeaders };
      for (const name of TOOL_NAMES) register(server, name, tools, from, dependencies);
      return server;
    },
    {
      maxRequestBodySize: RUN_LIMITS.bodyBytes,
      onerror: ({ message }) => log.info({ reason: message.slice(0, REASON_CHARS) }, 'MCP request refused'),
    },
  );
}

function register(
  server: McpServer,
  name: ToolName,
  tools: ReturnType<typeof toolsOf>,
  { caller, traceHeaders }: { readonly caller: Caller; readonly traceHeaders: TraceHeaders },
  { log, metrics }: McpDependencies,
): void {
  const tool = tools[name];
  const { title, description, input, output, annotations } = tool;
  const config = { title, description, inputSchema: unchecked(input), outputSchema: unchecked(output), annotations };
  server.registerTool(name, config, async (given, { mcpReq }) => {
    const begun = performance.now();
    const { progressToken } = mcpReq._meta ?? {};
    using progress =
      progressToken === undefined
        ? undefined
        : new Progress((message, done) => {
            const params = { progressToken, progress: done, message };
            return mcpReq.notify({ method: 'notifications/progress', params });
          });
    const done = (result: CallResult, more: object) => {
      metrics.countMcpCall(name, result);
      const ms = Math.round(performance.now() - begun);
      log[result === 'failed' ? 'error' : 'info']({ tool: name, caller: caller.name, result, ms, ...more }, 'MCP call');
    };
    try {
      const waiting = {
        signal: mcpReq.signal,
        onBegin: (run: Run) => progress?.begin(run),
        onEvent: (event: RunEvent) => progress?.take(event),
      };
      const result = await tool.call(caller, given as Arguments, waiting, traceHeaders);
      done('ok', { runId: result['id'] });
      return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result };
    } catch (error) {
      const refusal = problemFor(error);
      if (refusal) done('refused', { problem: refusal.kind });
      else done('failed', { err: error });
      const text = refusal ? textOf(refusal) : 'Internal error: The agent failed to handle the call. See its log.';
      return { content: [{ type: 'text', text }], isError: true };
    }
  });
}

/** A refusal in words for a model: the HTTP headers with the same facts do not reach it. */
function textOf({ kind, message, extras }: ProblemError): string {
  const { title, retryAfter }: ProblemFacts = PROBLEMS[kind];
  const again =
    extras.resetsAt === undefined
      ? retryAfter && ` Try again after ${retryAfter} seconds.`
      : ` Try again after ${extras.resetsAt}.`;
  return `${title}: ${message}${again ?? ''}`;
}

/** A schema for the list of tools. What checks the same request over HTTP checks the values, and reports all errors at once. */
function unchecked(json: Json): StandardSchemaWithJSON {
  const asJson = () => json;
  return {
    '~standard': {
      version: 1,
      vendor: 'claude-code-agent',
      validate: (value) => ({ value }),
      jsonSchema: { input: asJson, output: asJson },
    },
  };
}
