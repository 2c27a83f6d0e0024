import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Usage } from '../http/api/run.ts';
import { jsonOf } from '../json.ts';

/** What one message has used, as counted by the API. */
export interface MessageUsage extends Usage {
  readonly model: string;
}

/** The events that carry usage have a few kilobytes. Longer lines are skipped. */
const MAX_LINE_BYTES = 65_536;
/** A message that is not streamed has at most this size; of a longer one nothing is counted. */
const MAX_MESSAGE_BYTES = 2_097_152;
const NEWLINE = 10;
const SUCCESS = 200;

const count = z.number().int().nonnegative();
const counts = z.object({
  input_tokens: count.nullish(),
  output_tokens: count.nullish(),
  cache_creation_input_tokens: count.nullish(),
  cache_read_input_tokens: count.nullish(),
});
const message = z.object({ model: z.string(), usage: counts });
const started = z.object({ type: z.literal('message_start'), message });
const changed = z.object({ type: z.literal('message_delta'), usage: counts });

/** Reads the usage of a message from the response as it passes. Keeps a bounded part of it. */
export interface UsageReader {
  read(chunk: Buffer): void;
  /** What is known so far: a stream that was cut off has used what its start says. Undefined if nothing is known. */
  readonly usage: MessageUsage | undefined;
}

/** The reader for a response; undefined if it has no usage. */
export function usageReader({ statusCode, headers }: IncomingMessage): UsageReader | undefined {
  if (statusCode !== SUCCESS || (headers['content-encoding'] ?? 'identity') !== 'identity') return undefined;
  const [type = ''] = headers['content-type']?.split(';') ?? [];
  if (type === 'text/event-stream') return new StreamUsage();
  return type === 'application/json' ? new WholeUsage() : undefined;
}

/** Reads server-sent events: `message_start` has the model and the input, `message_delta` the totals so far. */
class StreamUsage implements UsageReader {
  usage: MessageUsage | undefined;
  #line: Buffer[] = [];
  #length = 0;

  read(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length <= MAX_LINE_BYTES) this.#line.push(part);
    else this.#line = [];
  }

  #endLine(): void {
    const [first] = this.#line;
    if (first !== undefined && this.#length <= MAX_LINE_BYTES) {
      this.#take(this.#line.length === 1 ? first : Buffer.concat(this.#line));
    }
    this.#line = [];
    this.#length = 0;
  }

  #take(line: Buffer): void {
    if (!line.includes('"message_start"') && !line.includes('"message_delta"')) return;
    const event = jsonOf(line.toString('utf8').replace(/^data: ?/, ''));
    const start = started.safeParse(event).data;
    if (start) this.usage = usageOf(start.message);
    const change = changed.safeParse(event).data;
    if (change && this.usage) this.usage = { ...this.usage, ...countsOf(change.usage) };
  }
}

/** Reads a message that is sent as one JSON object. */
class WholeUsage implements UsageReader {
  #parts: Buffer[] = [];
  #length = 0;

  read(chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length <= MAX_MESSAGE_BYTES) this.#parts.push(chunk);
    else this.#parts = [];
  }

  get usage(): MessageUsage | undefined {
    const whole = message.safeParse(jsonOf(Buffer.concat(this.#parts).toString('utf8'))).data;
    return whole && usageOf(whole);
  }
}

function usageOf({ model, usage }: z.output<typeof message>): MessageUsage {
  const none = { inputTokens: 0, outputTokens: 0, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };
  return { model, ...none, ...countsOf(usage) };
}

function countsOf(usage: z.output<typeof counts>): Partial<Usage> {
  const all = {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheCreationInputTokens: usage.cache_creation_input_tokens,
    cacheReadInputTokens: usage.cache_read_input_tokens,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => typeof value === 'number'));
}
