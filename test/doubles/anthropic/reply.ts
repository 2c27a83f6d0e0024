import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerBlock } from './answer.ts';
import type { Directives } from './directives.ts';
import type { Failure } from './failures.ts';

/** A message to send: model, content, and the length of the request in tokens. */
export interface Reply {
  readonly model: string;
  readonly blocks: readonly AnswerBlock[];
  readonly inputTokens: number;
  /** In the place of the counts. */
  readonly usage?: object;
}

/** The pace of a message, and whether it is cut off. */
export type Pace = Pick<Directives, 'slow' | 'cut' | 'truncate'>;

/** Sends an error of the API. */
export function sendFailure(response: ServerResponse, failure: Failure): void {
  const { status, type, message, headers } = failure;
  const requestId = newId('req');
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': requestId, ...headers });
  response.end(JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId }));
}

/** Sends a message as one JSON object. A pace that cuts a stream off cuts this off too. */
export function sendMessage(response: ServerResponse, reply: Reply, pace: Pace): void {
  if (pace.cut !== undefined) {
    response.destroy();
    return;
  }
  const content = reply.blocks.map(withId);
  const body = { ...envelope(reply), content, stop_reason: stopReason(reply), usage: usage(reply) };
  response.writeHead(200, { 'content-type': 'application/json', 'request-id': newId('req') });
  response.end(pace.truncate === undefined ? JSON.stringify(body) : '{');
}

/** Sends a message as server-sent events, delta by delta, until the client disconnects or the pace cuts it off. */
export async function streamMessage(response: ServerResponse, reply: Reply, pace: Pace): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'request-id': newId('req'),
  });
  await pipeline(eventsOf(reply, pace), response).catch((error: unknown) => {
    if (!response.destroyed) throw error;
  });
}

async function* eventsOf(reply: Reply, { slow, cut, truncate }: Pace): AsyncGenerator<string> {
  let sent = 0;
  yield event('message_start', { message: { ...envelope(reply), usage: usage(reply, 1) } });
  for (const [index, block] of reply.blocks.entries()) {
    yield event('content_block_start', { index, content_block: opening(block) });
    for (const delta of deltasOf(block)) {
      if (slow !== undefined) await sleep(slow);
      if (sent === cut) throw new Error('The stream is cut off, as asked.');
      if (sent === truncate) return;
      yield event('content_block_delta', { index, delta });
      sent += 1;
    }
    yield event('content_block_stop', { index });
  }
  yield event('message_delta', {
    delta: { stop_reason: stopReason(reply), stop_sequence: null },
    usage: usage(reply),
  });
  yield event('message_stop', {});
}

const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

const envelope = ({ model }: Reply) => ({
  id: newId('msg'),
  type: 'message',
  role: 'assistant',
  model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
});

const stopReason = ({ blocks }: Reply) => (blocks.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn');

const usage = ({ inputTokens, blocks, usage: given }: Reply, startTokens?: number) => ({
  input_tokens: inputTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: tokensIn(JSON.stringify(blocks)),
  ...given,
  ...(startTokens !== undefined && { output_tokens: startTokens }),
});

const withId = (block: AnswerBlock) => (block.type === 'tool_use' ? { ...block, id: newId('toolu') } : block);

const opening = (block: AnswerBlock) =>
  block.type === 'tool_use' ? { ...withId(block), input: {} } : { type: 'text', text: '' };

/** Short texts are sent word by word, long ones in pieces of 64 KiB. */
function deltasOf(block: AnswerBlock): object[] {
  if (block.type === 'tool_use') return [{ type: 'input_json_delta', partial_json: JSON.stringify(block.input) }];
  const pieces = block.text.match(block.text.length < 4096 ? /\S+\s*|\s+/g : /.{1,65536}/gs) ?? [];
  return pieces.map((text) => ({ type: 'text_delta', text }));
}

/** A rough count of tokens, so that usage and cost grow with the text. */
export const tokensIn = (text: string): number => Math.ceil(text.length / 4);

const newId = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '').slice(0, 24)}`;
