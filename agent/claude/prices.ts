/** US dollars for a million tokens of each kind. */
interface TokenPrices {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  /** Kept for five minutes. */
  readonly cacheWrite: number;
  /** Kept for an hour. */
  readonly cacheWriteHour: number;
}

interface ModelPrices extends TokenPrices {
  /** How many times as much fast mode costs. */
  readonly fast?: number;
  /** For a message whose whole prompt has more tokens than `above`. */
  readonly long?: TokenPrices & { readonly above: number };
}

/** What a message has used, as counted by the API: tokens by kind, and what changes their price. */
export interface PricedUsage {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadInputTokens: number;
  /** All of them, also those that are kept for an hour. */
  readonly cacheCreationInputTokens: number;
  readonly hourCacheTokens: number;
  readonly webSearches: number;
  readonly isFast: boolean;
  /** Whether it was processed in the US on request. */
  readonly isInUs: boolean;
}

const WEB_SEARCH_USD = 0.01;
const IN_US = 1.1;

/** The usual prices: writing to the cache costs a quarter more than input, and for an hour twice as much. */
function prices(input: number, output: number, cacheRead = input / 10): TokenPrices {
  return { input, output, cacheRead, cacheWrite: input * 1.25, cacheWriteHour: input * 2 };
}

/** Rather too much than too little. */
const UNKNOWN: ModelPrices = prices(5, 25);

/**
 * List prices by the beginning of a model's id, as the pinned CLI calculates with them: a contract test compares them. The
 * longest beginning counts.
 */
export const PRICES: Readonly<Record<string, ModelPrices>> = {
  'claude-3-5-haiku': prices(0.8, 4),
  'claude-haiku-4-5': prices(1, 5),
  'claude-haiku-5-5': { ...prices(0.1, 0.5), long: { ...prices(0.5, 2.5), above: 100_000 } },
  'claude-3-5-sonnet': prices(3, 15),
  'claude-3-7-sonnet': prices(3, 15),
  'claude-sonnet-4': prices(3, 15),
  'claude-sonnet-5': prices(2, 10),
  'claude-sonnet-5-5': prices(2, 10, 0.1),
  'claude-opus-4': prices(15, 75),
  'claude-opus-4-5': prices(5, 25),
  'claude-opus-4-6': { ...prices(5, 25), fast: 6 },
  'claude-opus-4-7': { ...prices(5, 25), fast: 6 },
  'claude-opus-4-8': { ...prices(5, 25), fast: 2 },
  'claude-opus-5': { ...prices(5, 25), fast: 2 },
  'claude-opus-5-5': { ...prices(4, 20, 0.2), fast: 2 },
  'claude-fable-5': prices(10, 50),
  'claude-fable-5-1': prices(10, 50, 0.25),
  'claude-fable-5-2': { ...prices(8, 40, 0.2), fast: 2 },
  'claude-mythos-5': prices(10, 50),
  'claude-mythos-5-1': prices(10, 50, 0.25),
  'claude-mythos-5-2': { ...prices(8, 40, 0.2), fast: 2 },
};

const byLength = Object.keys(PRICES).sort((a, b) => b.length - a.length);

/** What a message costs at list prices, in US dollars. */
export function costOf(usage: PricedUsage): number {
  const { inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens, hourCacheTokens } = usage;
  const known = byLength.find((begin) => usage.model.startsWith(begin)) ?? '';
  const model = PRICES[known] ?? UNKNOWN;
  const { long } = model;
  const prompt = inputTokens + cacheReadInputTokens + cacheCreationInputTokens;
  const price = long && prompt > long.above ? long : model;
  const tokens =
    inputTokens * price.input +
    outputTokens * price.output +
    cacheReadInputTokens * price.cacheRead +
    (cacheCreationInputTokens - hourCacheTokens) * price.cacheWrite +
    hourCacheTokens * price.cacheWriteHour;
  const fast = usage.isFast ? (model.fast ?? 1) : 1;
  return ((tokens / 1e6) * fast + usage.webSearches * WEB_SEARCH_USD) * (usage.isInUs ? IN_US : 1);
}
