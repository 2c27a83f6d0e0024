import { IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { usageReader } from '../../../agent/gateway/usage.ts';
import { startAnthropicDouble } from '../../doubles/anthropic/server.ts';
import { send, startGateway, startUpstream } from '../../support/gateway.ts';
import { until } from '../../support/agent.ts';

const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const start = (usage: object) => event('message_start', { message: { id: 'msg_1', model: 'claude-ä', usage } });
const delta = (usage: object) => event('message_delta', { delta: { stop_reason: 'end_turn' }, usage });
const text = (said: string) => event('content_block_delta', { delta: { type: 'text_delta', text: said } });

const STREAM = [
  start({ input_tokens: 7, cache_creation_input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 1 }),
  text('{"type":"message_delta","usage":{"output_tokens":999}} "message_start"'),
  text('x'.repeat(200_000)),
  event('ping', {}),
  delta({ output_tokens: 20 }),
  delta({ output_tokens: 42, input_tokens: 8, cache_read_input_tokens: null }),
  event('message_stop', {}),
].join('');
/** The model is unknown: $5 and $25 for a million tokens of input and output, $6.25 and $0.5 for the cache. */
const USED = {
  costUsd: (8 * 5 + 42 * 25 + 5 * 6.25 + 3 * 0.5) / 1e6,
  inputTokens: 8,
  outputTokens: 42,
  cacheCreationInputTokens: 5,
  cacheReadInputTokens: 3,
};

function readerFor(headers: Record<string, string>, status = 200) {
  const response = new IncomingMessage(new Socket());
  Object.assign(response, { statusCode: status });
  Object.assign(response.headers, headers);
  return usageReader(response);
}

/** The usage of a text that arrives in pieces of that size. */
function usageOf(whole: string, type: string, size: number) {
  const reader = readerFor({ 'content-type': type });
  const bytes = Buffer.from(whole);
  for (let at = 0; at < bytes.length; at += size) reader?.read(bytes.subarray(at, at + size));
  return reader?.usage;
}

describe('usage', () => {
  it.each([1, 2, 7, 1000, 65_536, 1_000_000])('is read from a stream in pieces of %d bytes', (size) => {
    expect(usageOf(STREAM, 'text/event-stream; charset=utf-8', size)).toEqual(USED);
    expect(usageOf(STREAM.replaceAll('\n', '\r\n'), 'text/event-stream', size)).toEqual(USED);
  });

  it('of a stream that is cut off is what its start says', () => {
    expect(usageOf(STREAM.slice(0, 100_000), 'text/event-stream', 1000)).toMatchObject({
      inputTokens: 7,
      outputTokens: 1,
    });
  });

  it('is read from a message that is not streamed, unless it is too large to keep', () => {
    const whole = (said: string) =>
      JSON.stringify({ content: said, model: 'm', usage: { input_tokens: 1, output_tokens: 2 } });
    const none = { cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };
    expect(usageOf(whole('hello'), 'application/json', 10)).toEqual({
      costUsd: (5 + 2 * 25) / 1e6,
      inputTokens: 1,
      outputTokens: 2,
      ...none,
    });
    expect(usageOf(whole('x'.repeat(3_000_000)), 'application/json', 65_536)).toBeUndefined();
  });

  it('is not read from anything else', () => {
    expect(usageOf('{"input_tokens":7}', 'application/json', 10)).toBeUndefined();
    expect(usageOf('nonsense\n\ndata: "message_start"\n', 'text/event-stream', 3)).toBeUndefined();
    expect(readerFor({ 'content-type': 'text/event-stream' }, 529)).toBeUndefined();
    expect(readerFor({ 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })).toBeUndefined();
    expect(readerFor({ 'content-type': 'text/html' })).toBeUndefined();
  });
});

it.each([true, false])('the gateway reports the usage of each request of a run (streamed: %s)', async (stream) => {
  await using api = await startAnthropicDouble();
  await using own = await startGateway(api.url);
  const token = own.tokens.issue('run-1');
  const body = JSON.stringify({ model: 'claude-x', stream, messages: [{ role: 'user', content: 'hello there' }] });
  const answer = await send(`${own.url}/v1/messages?beta=true`, token, body);
  expect(answer.text).toContain('echo:');
  await until(() => own.exchanged.length === 1, 'the report');
  expect(own.exchanged).toMatchObject([
    { sessionId: 'run-1', status: 200, usage: { inputTokens: 3, cacheReadInputTokens: 0 } },
  ]);
  await send(`${own.url}/v1/messages/count_tokens?beta=true`, token, body);
  await until(() => own.exchanged.length === 2, 'the second report');
  expect(own.exchanged[1]).toEqual({ sessionId: 'run-1', status: 200, usage: undefined });
});

it('the gateway counts what the messages of a token have used, also those on their way', async () => {
  const answers: ServerResponse[] = [];
  await using api = await startUpstream((request, response) => {
    request.resume();
    response
      .writeHead(200, { 'content-type': 'text/event-stream' })
      .write(start({ input_tokens: 7, output_tokens: 1 }));
    answers.push(response);
  });
  await using own = await startGateway(api.url);
  const [token, other] = [own.tokens.issue('run-1'), own.tokens.issue('run-1')];
  const holder = own.tokens.find(token);
  const used = () => holder?.usage.total?.usage;
  expect(used()).toBeUndefined();
  const first = send(`${own.url}/v1/messages`, token);
  await until(() => used() !== undefined, 'the start of the first message');
  answers[0]?.end(delta({ output_tokens: 20 }));
  await first;
  const second = expect(send(`${own.url}/v1/messages`, token)).rejects.toThrow();
  await until(() => used()?.inputTokens === 14, 'the start of the second message');
  own.tokens.revoke(token);
  await second;
  await until(() => own.exchanged.length === 2, 'the end of the second message');
  const none = { cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };
  expect(used()).toEqual({ inputTokens: 14, outputTokens: 21, ...none });
  expect(holder?.usage.total?.costUsd).toBeCloseTo((14 * 5 + 21 * 25) / 1e6, 9);
  expect(own.tokens.find(other)?.usage.total).toBeUndefined();
});
