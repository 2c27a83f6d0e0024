import { z } from 'zod';
import type { Usage } from '../http/api/run.ts';
import { costOf, type PricedUsage } from './prices.ts';

/** What a message has used and costs, as counted by the API, at list prices. */
export interface MessageUsage extends Usage {
  readonly costUsd: number;
}

const count = z.number().int().nonnegative();
const counts = z.object({
  input_tokens: count.nullish(),
  output_tokens: count.nullish(),
  cache_creation_input_tokens: count.nullish(),
  cache_read_input_tokens: count.nullish(),
  cache_creation: z.object({ ephemeral_1h_input_tokens: count.nullish() }).nullish().catch(undefined),
  server_tool_use: z.object({ web_search_requests: count.nullish() }).nullish().catch(undefined),
  speed: z.string().nullish().catch(undefined),
  inference_geo: z.string().nullish().catch(undefined),
});

/** A whole message. */
const message = z.object({ model: z.string(), usage: counts });
const started = z.object({ type: z.literal('message_start'), message });
const changed = z.object({ type: z.literal('message_delta'), usage: counts });

const NONE = {
  inputTokens: 0,
  outputTokens: 0,
  cacheCreationInputTokens: 0,
  cacheReadInputTokens: 0,
  hourCacheTokens: 0,
  webSearches: 0,
  isFast: false,
  isInUs: false,
};

/** Counts one message from the events of its stream: `message_start` has the model and the input, `message_delta` the totals so far. */
export class MessageCounter {
  #priced: PricedUsage | undefined;

  /** Counts an event; others than these two do not matter. Returns whether it did. */
  take(event: unknown): boolean {
    const start = started.safeParse(event).data;
    const change = start ? undefined : changed.safeParse(event).data;
    if (start) this.#priced = pricedOf(start.message);
    else if (change && this.#priced) this.#priced = { ...this.#priced, ...countsOf(change.usage) };
    else return false;
    return true;
  }

  /** What is known so far: a stream that was cut off has used what its start says. Undefined if nothing is known. */
  get usage(): MessageUsage | undefined {
    return this.#priced && usageOf(this.#priced);
  }
}

/** The usage of a whole message; undefined if the value is none. */
export function usageOfMessage(value: unknown): MessageUsage | undefined {
  const whole = message.safeParse(value).data;
  return whole && usageOf(pricedOf(whole));
}

function pricedOf({ model, usage }: z.output<typeof message>): PricedUsage {
  return { model, ...NONE, ...countsOf(usage) };
}

function usageOf(priced: PricedUsage): MessageUsage {
  const { inputTokens, outputTokens, cacheCreationInputTokens, cacheReadInputTokens } = priced;
  const costUsd = costOf(priced);
  return { inputTokens, outputTokens, cacheCreationInputTokens, cacheReadInputTokens, costUsd };
}

function countsOf(usage: z.output<typeof counts>): Partial<PricedUsage> {
  const all = {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheCreationInputTokens: usage.cache_creation_input_tokens,
    cacheReadInputTokens: usage.cache_read_input_tokens,
    hourCacheTokens: usage.cache_creation?.ephemeral_1h_input_tokens,
    webSearches: usage.server_tool_use?.web_search_requests,
    isFast: usage.speed?.startsWith('fast'),
    isInUs: usage.inference_geo?.startsWith('us'),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null));
}
