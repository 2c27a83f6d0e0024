import { beforeEach, describe, expect, it } from 'vitest';
import { ClaudeCalls, type Call } from '../../../agent/tracing/claude-calls.ts';

const REQUESTING = { type: 'system', subtype: 'status', status: 'requesting' };
const SECRET = 'the-contents';
const stream = (event: object, within?: string) => ({
  type: 'stream_event',
  parent_tool_use_id: within ?? null,
  event,
});
const messageStart = (id: string, within?: string) =>
  stream(
    { type: 'message_start', message: { id, model: 'opus', usage: { input_tokens: 5, output_tokens: 1 } } },
    within,
  );
const messageDelta = (stop_reason: string, usage: object) =>
  stream({ type: 'message_delta', delta: { stop_reason }, usage });
const messageStop = stream({ type: 'message_stop' });
const said = (id: string, blocks: object[], within?: string, more: object = {}) => ({
  type: 'assistant',
  parent_tool_use_id: within ?? null,
  message: { id, model: 'opus', content: blocks, usage: { input_tokens: 5, output_tokens: 1 } },
  ...more,
});
const use = (id: string, name: string) => ({ type: 'tool_use', id, name, input: { command: SECRET } });
const returned = (id: string, isError = false, within?: string) => ({
  type: 'user',
  parent_tool_use_id: within ?? null,
  message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: SECRET, is_error: isError }] },
});

describe('the calls that Claude makes', () => {
  let now: number;
  let calls: Call[];
  let reader: ClaudeCalls;
  beforeEach(() => {
    now = 1000;
    calls = [];
    reader = new ClaudeCalls(
      (call) => calls.push(call),
      () => now,
    );
  });
  /** Each event comes this many milliseconds after the one before. */
  const take = (...events: unknown[]) => {
    for (const event of events) {
      now += 10;
      reader.take(event);
    }
  };
  const shortly = () =>
    calls.map(({ name, start, end, isError, attributes }) => ({
      name,
      took: [start - 1000, end - 1000],
      ...(isError && { error: attributes['error.type'] }),
    }));

  it('are calls of the API from the request to the end of the message, and of tools until their result', () => {
    take(REQUESTING, messageStart('msg_1'), said('msg_1', [use('t1', 'Bash')]));
    take(messageDelta('tool_use', { output_tokens: 9, cache_read_input_tokens: 100 }), messageStop);
    take(
      returned('t1', true),
      REQUESTING,
      messageStart('msg_2'),
      messageDelta('end_turn', { output_tokens: 2 }),
      messageStop,
    );
    expect(shortly()).toEqual([
      { name: 'chat opus', took: [10, 50] },
      { name: 'execute_tool Bash', took: [30, 60], error: 'tool_error' },
      { name: 'chat opus', took: [70, 100] },
    ]);
    expect(calls[0]?.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': 'opus',
      'gen_ai.response.model': 'opus',
      'gen_ai.response.id': 'msg_1',
      'gen_ai.response.finish_reasons': ['tool_use'],
      'gen_ai.usage.input_tokens': 105,
      'gen_ai.usage.output_tokens': 9,
      'gen_ai.usage.cache_read.input_tokens': 100,
    });
    expect(calls[1]?.attributes).toEqual({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'Bash',
      'gen_ai.tool.call.id': 't1',
      'error.type': 'tool_error',
    });
    expect(JSON.stringify(calls)).not.toContain(SECRET);
  });

  it('of a sub-agent are within the call of the tool that started it', () => {
    take(REQUESTING, messageStart('msg_1'), said('msg_1', [use('t1', 'Task')]), messageStop);
    take(
      said('msg_2', [use('t2', 'Read')], 't1'),
      returned('t2', false, 't1'),
      said('msg_3', [], 't1'),
      returned('t1'),
    );
    const task = calls.find(({ name }) => name === 'execute_tool Task');
    expect(shortly().map(({ name }) => name)).toEqual([
      'chat opus',
      'execute_tool Read',
      'chat opus',
      'chat opus',
      'execute_tool Task',
    ]);
    expect(calls.map(({ parentId }) => parentId === task?.spanId)).toEqual([false, true, true, true, false]);
  });

  it('that fail are errors, each attempt one of its own', () => {
    take(REQUESTING, {
      type: 'system',
      subtype: 'api_retry',
      error: 'overloaded',
      error_status: 529,
      retry_delay_ms: 5,
    });
    take(REQUESTING, said('x', [], undefined, { error: 'server_error', api_error_status: 500 }));
    take(REQUESTING, said('x', [], undefined, { error: 'authentication_failed' }));
    expect(shortly()).toEqual([
      { name: 'chat', took: [10, 20], error: '529' },
      { name: 'chat', took: [30, 40], error: '500' },
      { name: 'chat', took: [50, 60], error: 'authentication_failed' },
    ]);
  });

  it('that are open at the end of the run end with it, as errors', () => {
    take(REQUESTING, messageStart('msg_1'), said('msg_1', [use('t1', 'Bash')]));
    now += 10;
    reader.end();
    reader.end();
    expect(shortly()).toEqual([
      { name: 'chat opus', took: [10, 40], error: 'interrupted' },
      { name: 'execute_tool Bash', took: [30, 40], error: 'interrupted' },
    ]);
  });

  it('are nothing in events of other shapes, and have no names that could be texts', () => {
    take(
      null,
      7,
      'x',
      {},
      { type: 'assistant' },
      { type: 'user', message: {} },
      { type: 'stream_event' },
      returned('unknown'),
    );
    expect(calls).toEqual([]);
    take(said('msg_1', [use('t 1', 'a name with spaces')]), returned('t 1'));
    expect(calls).toMatchObject([{ name: 'execute_tool', attributes: { 'gen_ai.operation.name': 'execute_tool' } }]);
    expect(Object.keys(calls[0]?.attributes ?? {})).toEqual(['gen_ai.operation.name']);
  });
});
