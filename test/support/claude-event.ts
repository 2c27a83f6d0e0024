import { z } from 'zod';

const block = z.looseObject({ type: z.string(), text: z.string().optional() });

/** The fields of the CLI's events that the product relies on; others are allowed and kept. */
export const claudeEvent = z.looseObject({
  type: z.string(),
  subtype: z.string().optional(),
  session_id: z.string().optional(),
  /** The message; on `permission_denied` only the reason. */
  message: z.union([z.string(), z.looseObject({ content: z.union([z.string(), z.array(block)]) })]).optional(),
  /** The kind of a failure, on assistant events and on `api_retry`. */
  error: z.string().optional(),
  api_error_status: z.number().nullish(),
  is_error: z.boolean().optional(),
  result: z.string().optional(),
  errors: z.array(z.string()).optional(),
  terminal_reason: z.string().optional(),
  num_turns: z.number().optional(),
  total_cost_usd: z.number().optional(),
  usage: z.looseObject({ input_tokens: z.number(), output_tokens: z.number() }).optional(),
  permission_denials: z.array(z.looseObject({ tool_name: z.string() })).optional(),
  structured_output: z.unknown().optional(),
  rate_limit_info: z.looseObject({ status: z.string(), resetsAt: z.number().optional() }).optional(),
  event: z
    .looseObject({ type: z.string(), delta: z.looseObject({ text: z.string().optional() }).optional() })
    .optional(),
  isReplay: z.boolean().optional(),
  aborted: z.boolean().optional(),
});

/** One line of the CLI's stdout. */
export type ClaudeEvent = z.infer<typeof claudeEvent>;

/** The text of an event's message. */
export function textOf({ message = '' }: Partial<ClaudeEvent>): string {
  const content = typeof message === 'string' ? message : message.content;
  return typeof content === 'string' ? content : content.map(({ text = '' }) => text).join('');
}
