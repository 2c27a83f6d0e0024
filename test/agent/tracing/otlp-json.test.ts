import { expect, it } from 'vitest';
import { spansIn } from '../../../agent/tracing/otlp-json.ts';

const STARTED = 'b7ad6b7169203331';
const SPAN = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: '91f1598d18e2993b',
  parentSpanId: '66324121199f7985',
  name: 'claude_code.llm_request',
  kind: 1,
  startTimeUnixNano: '1795954306121000000',
  endTimeUnixNano: '1795954306166536196',
  attributes: [] as object[],
  status: { code: 0 },
};
const body = (...spans: object[]) =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.version', value: { stringValue: '2.1.330' } }] },
        scopeSpans: [{ scope: { name: 'x' }, spans }],
      },
    ],
  });

it("a span of the CLI keeps its times and ids, and its parent unless that is the process's", () => {
  const root = { ...SPAN, parentSpanId: STARTED };
  const orphan = { ...SPAN, parentSpanId: '' };
  expect(spansIn(body(SPAN, root, orphan), STARTED)).toMatchObject([
    {
      name: 'claude_code.llm_request',
      spanId: '91f1598d18e2993b',
      parentId: '66324121199f7985',
      start: 1_795_954_306_121,
      ofClaude: '2.1.330',
      isError: false,
    },
    { parentId: undefined },
    { parentId: undefined },
  ]);
});

it('only names, numbers and flags of its attributes are kept, and nothing of events and messages', () => {
  const attributes = [
    { key: 'model', value: { stringValue: 'claude-opus-5-5' } },
    { key: 'input_tokens', value: { intValue: '15' } },
    { key: 'ttft_ms', value: { doubleValue: 3.5 } },
    { key: 'success', value: { boolValue: false } },
    { key: 'user_prompt', value: { stringValue: 'secret' } },
    { key: 'error', value: { stringValue: 'secret' } },
    { key: 'bash_argv0', value: { stringValue: 'secret' } },
    { key: 'tool_name', value: { stringValue: 'secret text' } },
    { key: 'secret text', value: { intValue: 1 } },
    { key: 'new', value: { kvlistValue: { values: [{ key: 'a', value: { stringValue: 'secret' } }] } } },
    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'secret' }] } } },
  ];
  const span = {
    ...SPAN,
    attributes,
    status: { code: 2, message: 'secret' },
    events: [{ name: 'secret', attributes: [] }],
  };
  const found = spansIn(body(span), STARTED);
  expect(found?.[0]?.attributes).toEqual({ model: 'claude-opus-5-5', input_tokens: 15, ttft_ms: 3.5, success: false });
  expect(found?.[0]?.isError).toBe(true);
  expect(JSON.stringify(found)).not.toContain('secret');
});

it('spans that are not those of the CLI are left out', () => {
  const others = [
    { ...SPAN, name: 'the secret' },
    { ...SPAN, name: 'claude_code.a b' },
    { ...SPAN, spanId: 'x' },
    { ...SPAN, startTimeUnixNano: -1 },
    7,
  ];
  expect(spansIn(body(...(others as object[])), STARTED)).toEqual([]);
  expect(spansIn('{}', STARTED)).toEqual([]);
});

it.each(['', '[', 'null', '"x"', '{"resourceSpans": 7}'])('%j is no request', (text) => {
  expect(spansIn(text, STARTED)).toBeUndefined();
});
