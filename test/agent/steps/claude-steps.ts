import type { Step } from '../../doubles/claude/script.ts';

/** A call of a tool, as the CLI writes it. @param parent the call that started the sub-agent. */
export const call = (id: string, name: string, input: unknown, parent: string | null = null): Step => ({
  do: 'event',
  event: {
    type: 'assistant',
    parent_tool_use_id: parent,
    message: { role: 'assistant', model: 'claude-scripted', content: [{ type: 'tool_use', id, name, input }] },
  },
});

/** The result of a call. */
export const answer = (id: string, content: unknown, more: object = {}, parent: string | null = null): Step => ({
  do: 'event',
  event: {
    type: 'user',
    parent_tool_use_id: parent,
    message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content, ...more }] },
  },
});

/** A `system` event. */
export const system = (subtype: string, fields: object): Step => ({
  do: 'event',
  event: { type: 'system', subtype, ...fields },
});
