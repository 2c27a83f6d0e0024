import { addUsage, NO_TOKENS } from '../claude/spending.ts';
import type { Usage } from '../http/api/run.ts';
import type { UsageReader } from './usage.ts';

/** What the messages of a run have used, as counted by the API. */
export class RunUsage {
  #ended: Usage | undefined;
  readonly #open = new Set<UsageReader>();

  /**
   * Counts a message while it passes.
   * @returns call it at the end of the message.
   */
  follow(reader: UsageReader): () => void {
    this.#open.add(reader);
    return () => {
      if (this.#open.delete(reader)) this.#ended = sumOf(this.#ended, reader.usage);
    };
  }

  /** All messages so far, also the parts of those on their way; undefined if none has used anything. */
  get total(): Usage | undefined {
    return [...this.#open].reduce((sum, { usage }) => sumOf(sum, usage), this.#ended);
  }
}

function sumOf(sum: Usage | undefined, more: Usage | undefined): Usage | undefined {
  return more ? addUsage(sum ?? NO_TOKENS, more) : sum;
}
