import { z } from 'zod';
import { bounded, boundedDenials, type DeniedTool } from './bounded.ts';
import { modelUsage, tokens } from './spending.ts';
import type { Usage } from '../http/api/run.ts';

/** How much of an answer is kept, in UTF-16 code units. */
export const MAX_OUTPUT_CHARS = 1_048_576;

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
  /** With `api_error` media_removed. */
  api_error_params: z
    .object({ media: z.enum(['image', 'document']), media_reason: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
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
 * The `system` events that matter: `init` lists the MCP servers, `api_retry` announces the retry of a refused request, and
 * `background_tasks_changed` lists the tasks, such as sub-agents, that Claude does not wait for: the `result` of the turn
 * comes before they end, and another one after them.
 */
const system = z.object({
  type: z.literal('system'),
  subtype: z.string().catch(''),
  mcp_servers: z.array(z.object({ name: z.string(), status: z.string() })).catch([]),
  tasks: z.array(z.unknown()).catch([]),
  retry_delay_ms: z.number().nonnegative().catch(0),
  error: z.string().catch('unknown'),
  error_status: z.number().nullish().catch(undefined),
});

const result = z.object({
  type: z.literal('result'),
  subtype: z.string().catch(''),
  is_error: z.boolean(),
  result: z.string().optional().catch(undefined),
  structured_output: z
    .unknown()
    .transform((value) => bounded(value, MAX_OUTPUT_CHARS))
    .optional(),
  errors: z.array(z.string()).catch([]),
  session_id: z.string().optional().catch(undefined),
  api_error_status: z.number().nullish().catch(undefined),
  api_error: z.string().optional().catch(undefined),
  num_turns: z.int().nonnegative().optional().catch(undefined),
  total_cost_usd: z.number().nonnegative().optional().catch(undefined),
  usage: z
    .object({
      input_tokens: tokens,
      output_tokens: tokens,
      cache_creation_input_tokens: tokens,
      cache_read_input_tokens: tokens,
    })
    .transform((usage): Usage => ({
      inputTokens: usage.input_tokens,
      outputTokens: usage.output_tokens,
      cacheCreationInputTokens: usage.cache_creation_input_tokens,
      cacheReadInputTokens: usage.cache_read_input_tokens,
    }))
    .optional()
    .catch(undefined),
  modelUsage: modelUsage.optional().catch(undefined),
  permission_denials: z
    .array(z.object({ tool_name: z.string(), tool_use_id: z.string().catch(''), tool_input: z.unknown() }))
    .catch([])
    .transform((denials: DeniedTool[]) => boundedDenials(denials)),
});

const event = z.discriminatedUnion('type', [assistant, streamEvent, rateLimit, system, result]);

/** The events of `claude --output-format stream-json` that decide about a run; all others are ignored. */
export type ClaudeEvent = z.output<typeof event>;

/** The event that ends a turn. */
export type ResultEvent = z.output<typeof result>;

const KNOWN: ReadonlySet<unknown> = new Set(event.options.map((option) => option.shape.type.value));

/** Stands for a `result` in an unknown format, for example of a newer CLI. The turn has ended, so no other will come. */
const NOT_UNDERSTOOD = result.parse({
  type: 'result',
  is_error: true,
  errors: ['claude reported a result in an unknown format.'],
});

/** Reads the value of one line of stream-json: an event, 'ignored' for a kind that does not matter, or 'garbage'. */
export function parseEvent(value: unknown): ClaudeEvent | 'ignored' | 'garbage' {
  if (typeof value !== 'object' || value === null || !('type' in value)) return 'garbage';
  if (!KNOWN.has(value.type)) return 'ignored';
  const parsed = event.safeParse(value);
  if (parsed.success) return parsed.data;
  return value.type === 'result' ? NOT_UNDERSTOOD : 'garbage';
}
