import { z } from 'zod';
import { jsonOf } from '../json.ts';
import { nameIn, type Attributes, type FinishedSpan } from './span.ts';

/** A span that the CLI made, without the trace of its run. */
export type ClaudeSpan = Omit<FinishedSpan, 'traceId'>;

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
/** 64-bit numbers are strings in the JSON of protobuf. */
const nanoseconds = z
  .union([z.string().regex(/^\d{1,20}$/), z.number()])
  .transform((value) => Number(value) / 1_000_000)
  .pipe(z.number().min(0).max(8.64e15));
const value = z.object({
  stringValue: z.string().optional(),
  boolValue: z.boolean().optional(),
  intValue: z.union([z.string().regex(/^-?\d{1,20}$/), z.number()]).optional(),
  doubleValue: z.number().optional(),
});
const attribute = z.object({ key: z.string(), value: z.unknown() });
const attributes = z.array(attribute).max(256).default([]);

const span = z.object({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: z.union([hex(16), z.literal('')]).optional(),
  name: z.string(),
  kind: z.number().optional(),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes,
  status: z.object({ code: z.number().optional() }).optional(),
});
const traces = z.object({
  resourceSpans: z
    .array(
      z.object({
        resource: z.object({ attributes }).optional(),
        scopeSpans: z.array(z.object({ spans: z.array(z.unknown()).default([]) })).default([]),
      }),
    )
    .default([]),
});

/**
 * The attributes of the CLI's spans whose values are names or ids. Others that are texts may hold contents: `error` repeats what the
 * API said, `bash_argv0` is part of a command, and with some settings there are prompts and outputs. Numbers and flags hold none.
 */
const NAMES: ReadonlySet<string> = new Set([
  'span.type',
  'model',
  'anthropic.provider',
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.system',
  'gen_ai.request.model',
  'gen_ai.response.id',
  'gen_ai.conversation.id',
  'gen_ai.tool.name',
  'gen_ai.tool.call.id',
  'session.id',
  'agent_id',
  'tool_name',
  'tool_use_id',
  'request_id',
  'decision',
  'source',
  'query_source_safe',
  'llm_request.context',
  'stop_reason',
  'speed',
  'effort',
  'error.type',
  'error_class',
  'parent.source',
]);
const SPAN_NAME = /^claude_code\.[a-z_.]{1,60}$/;
const ATTRIBUTE_NAME = /^[a-z][\w.]{0,60}$/;
const ERROR = 2;
const KINDS: Readonly<Record<number, FinishedSpan['kind']>> = { 2: 'server', 3: 'client' };

/**
 * Reads the spans of the CLI in a request of OTLP over HTTP in JSON: names, times, ids and what else cannot hold contents. A
 * span without a parent in the same request or an earlier one keeps the parent that its process was started with.
 * @returns undefined if the body is no such request. Spans that are not the CLI's are left out.
 */
export function spansIn(body: string, started: string): ClaudeSpan[] | undefined {
  const { data } = traces.safeParse(jsonOf(body));
  return data?.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const version = resource?.attributes.find(({ key }) => key === 'service.version')?.value;
    const release = nameIn(value.safeParse(version).data?.stringValue ?? '') ?? 'unknown';
    return scopeSpans.flatMap(({ spans }) => spans.flatMap((each) => ofClaude(each, release, started)));
  });
}

function ofClaude(given: unknown, release: string, started: string): ClaudeSpan[] {
  const { data } = span.safeParse(given);
  if (!data || !SPAN_NAME.test(data.name)) return [];
  const parent = data.parentSpanId ?? '';
  return [
    {
      name: data.name,
      kind: KINDS[data.kind ?? 0] ?? 'internal',
      spanId: data.spanId,
      parentId: parent === '' || parent === started ? undefined : parent,
      start: data.startTimeUnixNano,
      end: data.endTimeUnixNano,
      attributes: keptOf(data.attributes),
      isError: data.status?.code === ERROR,
      ofClaude: release,
    },
  ];
}

function keptOf(given: z.output<typeof attributes>): Attributes {
  return Object.fromEntries(
    given.flatMap(({ key, value: raw }) => {
      const kept = ATTRIBUTE_NAME.test(key) ? valueOf(key, raw) : undefined;
      return kept === undefined ? [] : [[key, kept] as const];
    }),
  );
}

function valueOf(key: string, raw: unknown): string | number | boolean | undefined {
  const { data } = value.safeParse(raw);
  if (data?.stringValue !== undefined) return NAMES.has(key) ? nameIn(data.stringValue) : undefined;
  const number = data?.intValue ?? data?.doubleValue;
  return number === undefined ? data?.boolValue : Number(number);
}
