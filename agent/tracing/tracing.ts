import { callerNameOf } from '../callers/callers.ts';
import type { EndedRun, Run } from '../store/run.ts';
import { ClaudeCalls } from './claude-calls.ts';
import { isSampled, type SamplerSetting } from './sampler.ts';
import { nameIn, present, tokenAttributes, type FinishedSpan } from './span.ts';
import type { SpanExport } from './span-export.ts';
import { newSpanId, newTraceId, spanIdWithin, type Trace } from './trace.ts';

/** The labels of n8n's workflows in docs/n8n, and the names of the same in the spans that n8n makes. */
const OF_N8N = {
  workflow: 'n8n.workflow.id',
  workflowName: 'n8n.workflow.name',
  execution: 'n8n.execution.id',
} as const;
const MAX_LABEL_CHARS = 200;
const AGENT_NAME = 'Claude Code';

/** The trace of a run that the agent makes spans for. */
type OwnTrace = Trace & { readonly spanId: string };

/**
 * The spans of runs: of the whole run, its wait in the queue, and its time in progress, with each call of the API and of a tool
 * below that. Spans of a run are made of its record when it has ended, so those of a run that an earlier agent began are there
 * too.
 */
export class Tracing {
  readonly #sampler: SamplerSetting;
  readonly #spans: Pick<SpanExport, 'add'>;
  /** Of the runs in progress. */
  readonly #calls = new Map<string, ClaudeCalls>();

  constructor(sampler: SamplerSetting, spans: Pick<SpanExport, 'add'>) {
    this.#sampler = sampler;
    this.#spans = spans;
  }

  /** The trace of a new run. @param incoming that of its client, if it named one. */
  traceFor(incoming: Trace | undefined): Trace {
    const traceId = incoming?.traceId ?? newTraceId();
    return { ...incoming, traceId, sampled: isSampled(this.#sampler, traceId, incoming), spanId: newSpanId() };
  }

  /** Takes an event of the CLI in a run. */
  take({ id, request: { trace } }: Pick<Run, 'id' | 'request'>, event: unknown): void {
    if (!isOwn(trace) || !trace.sampled) return;
    const calls = this.#calls.get(id) ?? this.#follow(id, trace);
    calls.take(event);
  }

  /** Call when the end of a run is on disk. */
  ended(run: EndedRun): void {
    this.#calls.get(run.id)?.end();
    this.#calls.delete(run.id);
    const { trace } = run.request;
    if (!isOwn(trace) || !trace.sampled) return;
    for (const span of spansOf(run, trace)) this.#spans.add(span);
  }

  #follow(id: string, { traceId, spanId, state }: OwnTrace): ClaudeCalls {
    const running = spanIdWithin(spanId, 'running');
    const calls = new ClaudeCalls((call) =>
      this.#spans.add({ ...call, traceId, state, parentId: call.parentId ?? running }),
    );
    this.#calls.set(id, calls);
    return calls;
  }
}

function isOwn(trace: Trace | undefined): trace is OwnTrace {
  return trace?.spanId !== undefined;
}

/** The parents come last, as in any trace. */
function spansOf(run: EndedRun, { traceId, spanId, parentId, state }: OwnTrace): FinishedSpan[] {
  const { id, sessionId, request, result } = run;
  const { outcome } = result;
  const [accepted, ended] = [Date.parse(run.acceptedAt), Date.parse(run.endedAt)];
  const started = run.startedAt === undefined ? undefined : Date.parse(run.startedAt);
  const isError = outcome !== 'succeeded' && outcome !== 'cancelled';
  const error = { 'error.type': isError ? outcome : undefined };
  const of = { traceId, state, kind: 'internal', isError: false } as const;
  const within = (part: 'waiting' | 'running') => ({ ...of, spanId: spanIdWithin(spanId, part), parentId: spanId });
  return [
    { ...within('waiting'), name: 'wait in queue', start: accepted, end: started ?? ended, attributes: {} },
    ...(started === undefined
      ? []
      : [
          {
            ...within('running'),
            name: `invoke_agent ${AGENT_NAME}`,
            start: started,
            end: ended,
            isError,
            attributes: present({
              'gen_ai.operation.name': 'invoke_agent',
              'gen_ai.provider.name': 'anthropic',
              'gen_ai.agent.name': AGENT_NAME,
              'gen_ai.conversation.id': sessionId,
              'gen_ai.request.model': request.options.model,
              'gen_ai.response.model': result.model === undefined ? undefined : nameIn(result.model),
              ...tokenAttributes(result.usage ?? {}),
              'claude_agent.run.turns': result.turns,
              ...error,
            }),
          },
        ]),
    {
      ...of,
      name: 'run',
      kind: 'server',
      spanId,
      parentId,
      isParentRemote: true,
      start: accepted,
      end: ended,
      isError,
      attributes: present({
        'claude_agent.run.id': id,
        'claude_agent.run.outcome': outcome,
        'claude_agent.run.cost_usd': result.costUsd,
        'claude_agent.caller': callerNameOf(run),
        'gen_ai.conversation.id': sessionId,
        ...ofN8n(request.labels),
        ...error,
      }),
    },
  ];
}

function ofN8n(labels: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(OF_N8N).map(([label, name]) => [name, labels[label]?.slice(0, MAX_LABEL_CHARS)]),
  );
}
