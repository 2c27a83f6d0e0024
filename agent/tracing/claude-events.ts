import { z } from 'zod';

const id = z.string().max(200);
const parent = z.string().nullish().catch(undefined);
const count = z.number().nonnegative().nullish().catch(undefined);
const usage = z
  .object({
    input_tokens: count,
    output_tokens: count,
    cache_creation_input_tokens: count,
    cache_read_input_tokens: count,
  })
  .optional()
  .catch(undefined);

/** The events of a message's stream that begin it, count it and end it. */
export const streamed = z.object({
  type: z.literal('stream_event'),
  parent_tool_use_id: parent,
  event: z.discriminatedUnion('type', [
    z.object({ type: z.literal('message_start'), message: z.object({ id, model: z.string(), usage }) }),
    z.object({
      type: z.literal('message_delta'),
      delta: z.object({ stop_reason: z.string().nullish() }).optional().catch(undefined),
      usage,
    }),
    z.object({ type: z.literal('message_stop') }),
  ]),
});
/** A message of Claude, or a part of one; or why there is none. */
export const assistant = z.object({
  type: z.literal('assistant'),
  parent_tool_use_id: parent,
  error: z.string().optional().catch(undefined),
  api_error_status: z.number().nullish().catch(undefined),
  message: z.object({ id: id.catch(''), model: z.string().catch(''), content: z.array(z.unknown()), usage }),
});
/** What a tool has returned, or the task of a sub-agent. */
export const user = z.object({
  type: z.literal('user'),
  parent_tool_use_id: parent,
  message: z.object({ content: z.array(z.unknown()) }),
});
/** That a request is sent, and that a refused one will be sent again. */
export const system = z.discriminatedUnion('subtype', [
  z.object({ type: z.literal('system'), subtype: z.literal('status'), status: z.literal('requesting') }),
  z.object({
    type: z.literal('system'),
    subtype: z.literal('api_retry'),
    error: z.string().catch('unknown'),
    error_status: z.number().nullish().catch(undefined),
    retry_delay_ms: z.number().nonnegative().catch(0),
  }),
]);
/** A block of {@link assistant}. */
export const toolUse = z.object({ type: z.literal('tool_use'), id, name: z.string() });
/** A block of {@link user}. */
export const toolResult = z.object({
  type: z.literal('tool_result'),
  tool_use_id: id,
  is_error: z.boolean().nullish().catch(undefined),
});

/** The tokens of a message, if they are told. */
export type Used = z.output<typeof usage>;
