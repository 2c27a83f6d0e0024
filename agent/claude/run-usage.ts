import { z } from 'zod';
import { MessageCounter, type MessageUsage } from './message-usage.ts';
import { addUsage, NO_TOKENS, type Spending } from './spending.ts';

/** A message that is on its way. */
export interface MessageOnItsWay {
  readonly usage: MessageUsage | undefined;
}

/** The events that {@link MessageCounter} counts. Most others are pieces of text. */
const streamed = z.object({
  type: z.literal('stream_event'),
  parent_tool_use_id: z.string().nullish(),
  event: z.looseObject({ type: z.enum(['message_start', 'message_delta']) }),
});

/** What the messages of a run have used and cost, as counted by the API. */
export class RunUsage {
  /** Called whenever a message has used more. */
  onChange: (() => void) | undefined;
  #ended: Spending | undefined;
  readonly #open = new Set<MessageOnItsWay>();
  /** Messages in the output of the CLI, by the tool call of their sub-agent. */
  readonly #streamed = new Map<string, { readonly counter: MessageCounter; readonly end: () => void }>();

  /**
   * Counts a message while it passes.
   * @returns call it at the end of the message.
   */
  follow(message: MessageOnItsWay): () => void {
    this.#open.add(message);
    return () => {
      if (!this.#open.delete(message)) return;
      this.#ended = sumOf(this.#ended, message.usage);
      this.onChange?.();
    };
  }

  /** Counts the messages in the output of a CLI whose messages nobody else sees. @param event as the CLI wrote it. */
  take(event: unknown): void {
    const parsed = streamed.safeParse(event).data;
    if (!parsed) return;
    const sender = parsed.parent_tool_use_id ?? '';
    const { event: inner } = parsed;
    if (inner.type === 'message_start') {
      this.#streamed.get(sender)?.end();
      const counter = new MessageCounter();
      this.#streamed.set(sender, { counter, end: this.follow(counter) });
    }
    if (this.#streamed.get(sender)?.counter.take(inner)) this.onChange?.();
  }

  /** All messages so far, also the parts of those on their way; undefined if none has used anything. */
  get total(): Spending | undefined {
    return [...this.#open].reduce((sum, { usage }) => sumOf(sum, usage), this.#ended);
  }
}

function sumOf(sum: Spending | undefined, more: MessageUsage | undefined): Spending | undefined {
  if (!more) return sum;
  const { costUsd, ...usage } = more;
  return { costUsd: (sum?.costUsd ?? 0) + costUsd, usage: addUsage(sum?.usage ?? NO_TOKENS, usage) };
}
