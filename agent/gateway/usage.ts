import type { IncomingMessage } from 'node:http';
import { MessageCounter, usageOfMessage, type MessageUsage } from '../claude/message-usage.ts';
import type { MessageOnItsWay } from '../claude/run-usage.ts';
import { jsonOf } from '../json.ts';

/** The events that carry usage have a few kilobytes. Longer lines are skipped. */
const MAX_LINE_BYTES = 65_536;
/** A message that is not streamed has at most this size; of a longer one nothing is counted. */
const MAX_MESSAGE_BYTES = 2_097_152;
const NEWLINE = 10;
const SUCCESS = 200;

/** Reads the usage of a message from the response as it passes. Keeps a bounded part of it. */
export interface UsageReader extends MessageOnItsWay {
  /** Returns whether the chunk says something about usage. */
  read(chunk: Buffer): boolean;
}

/** The reader for a response; undefined if it has no usage. */
export function usageReader({ statusCode, headers }: IncomingMessage): UsageReader | undefined {
  if (statusCode !== SUCCESS || (headers['content-encoding'] ?? 'identity') !== 'identity') return undefined;
  const [type = ''] = headers['content-type']?.split(';') ?? [];
  if (type === 'text/event-stream') return new StreamUsage();
  return type === 'application/json' ? new WholeUsage() : undefined;
}

/** Reads server-sent events. */
class StreamUsage implements UsageReader {
  readonly #counter = new MessageCounter();
  #line: Buffer[] = [];
  #length = 0;

  get usage(): MessageUsage | undefined {
    return this.#counter.usage;
  }

  read(chunk: Buffer): boolean {
    let from = 0;
    let says = false;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      says = this.#endLine() || says;
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    return says;
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length <= MAX_LINE_BYTES) this.#line.push(part);
    else this.#line = [];
  }

  #endLine(): boolean {
    const [first] = this.#line;
    const isWhole = first !== undefined && this.#length <= MAX_LINE_BYTES;
    const says = isWhole && this.#take(this.#line.length === 1 ? first : Buffer.concat(this.#line));
    this.#line = [];
    this.#length = 0;
    return says;
  }

  #take(line: Buffer): boolean {
    if (!line.includes('"message_start"') && !line.includes('"message_delta"')) return false;
    return this.#counter.take(jsonOf(line.toString('utf8').replace(/^data: ?/, '')));
  }
}

/** Reads a message that is sent as one JSON object. */
class WholeUsage implements UsageReader {
  #parts: Buffer[] = [];
  #length = 0;
  #usage: MessageUsage | undefined;

  read(chunk: Buffer): boolean {
    this.#length += chunk.length;
    if (this.#length <= MAX_MESSAGE_BYTES) this.#parts.push(chunk);
    else this.#parts = [];
    return false;
  }

  get usage(): MessageUsage | undefined {
    if (this.#parts.length > 0) this.#usage = usageOfMessage(jsonOf(Buffer.concat(this.#parts).toString('utf8')));
    if (this.#usage) this.#parts = [];
    return this.#usage;
  }
}
