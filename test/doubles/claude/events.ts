/** A message of Claude. */
export function assistant(text: string): object {
  return {
    type: 'assistant',
    message: { role: 'assistant', model: 'claude-scripted', content: [{ type: 'text', text }] },
    parent_tool_use_id: null,
  };
}

/** A piece of a streamed message, or its start. */
export function delta(type: 'message_start' | 'content_block_delta', text?: string): object {
  const event = text === undefined ? { type } : { type, index: 0, delta: { type: 'text_delta', text } };
  return { type: 'stream_event', parent_tool_use_id: null, event };
}

/** The event that ends a turn; a success unless `fields` override it. */
export function result(fields: object): object {
  return {
    type: 'result',
    subtype: 'success',
    is_error: false,
    num_turns: 1,
    total_cost_usd: 0.25,
    usage: { input_tokens: 3, output_tokens: 5, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    permission_denials: [],
    ...fields,
  };
}
