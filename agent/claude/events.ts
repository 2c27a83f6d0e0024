import { z } from 'zod';

const parent = z.string().nullish();

const assistant = z.object({
  type: z.literal('assistant'),
  message: z.object({
    model: z.string().optional().catch(undefined),
    content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })),
  }),
  parent_tool_use_id: parent,
  error: z.string().optional().catch(undefined),
  api_error_status: z.number().nullish().catch(undefined),
  api_error: z.string().optional().catch(undefined),
});

const streamEvent = z.object({
  type: z.literal('stream_event'),
  parent_tool_use_id: parent,
  event: z.looseObject({
    type: z.string(),
    delta: z.looseObject({ text: z.string().optional().catch(undefined) }).optional(),
  }),
});

const rateLimit = z.object({
  type: z.literal('rate_limit_event'),
  rate_limit_info: z.looseObject({ status: z.string(), resetsAt: z.number().optional().catch(undefined) }),
});

/**
 * Of the many kinds of `system` events, `init` says which MCP servers are there, and `api_retry` that a refused request
 * will be sent again after a while.
 */
const system = z.object({
  type: z.literal('system'),
  subtype: z.string().catch(''),
  mcp_servers: z.array(z.object({ name: z.string(), status: z.string() })).catch([]),
  retry_delay_ms: z.number().catch(0),
  error: z.string().catch('unknown'),
  error_status: z.number().nullish().catch(undefined),
});

const count = z.number().catch(0);

const result = z.object({
  type: z.literal('result'),
  subtype: z.string().catch(''),
  is_error: z.boolean(),
  result: z.string().optional().catch(undefined),
  structured_output: z.unknown().optional(),
  errors: z.array(z.string()).catch([]),
  session_id: z.string().optional().catch(undefined),
  api_error_status: z.number().nullish().catch(undefined),
  api_error: z.string().optional().catch(undefined),
  num_turns: z.number().optional().catch(undefined),
  total_cost_usd: z.number().optional().catch(undefined),
  usage: z
    .object({
      input_tokens: count,
      output_tokens: count,
      cache_creation_input_tokens: count,
      cache_read_input_tokens: count,
    })
    .optional()
    .catch(undefined),
  permission_denials: z
    .array(z.object({ tool_name: z.string(), tool_use_id: z.string().catch(''), tool_input: z.unknown() }))
    .catch([]),
});

const event = z.discriminatedUnion('type', [assistant, streamEvent, rateLimit, system, result]);

/** The events of `claude --output-format stream-json` that decide about a run; all others are none of our business. */
export type ClaudeEvent = z.output<typeof event>;

/** The event that ends a turn. */
export type ResultEvent = z.output<typeof result>;

const KNOWN: ReadonlySet<unknown> = new Set(event.options.map((option) => option.shape.type.value));

/** A turn that ended in words of a CLI newer than these schemas: nothing more will come of it. */
const NOT_UNDERSTOOD = result.parse({
  type: 'result',
  is_error: true,
  errors: ['The result of claude is not understood.'],
});

/** Reads one line of stream-json: an event, 'ignored' for a kind that decides nothing, or 'garbage'. */
export function parseEvent(line: string): ClaudeEvent | 'ignored' | 'garbage' {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'garbage';
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return 'garbage';
  if (!KNOWN.has(value.type)) return 'ignored';
  const parsed = event.safeParse(value);
  if (parsed.success) return parsed.data;
  return value.type === 'result' ? NOT_UNDERSTOOD : 'garbage';
}
