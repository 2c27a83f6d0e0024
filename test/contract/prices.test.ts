import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { costOf, PRICES } from '../../agent/claude/prices.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { makeHome } from '../support/home.ts';
import '../support/two-at-a-time.ts';

let api: AnthropicDouble;
beforeAll(async () => {
  api = await startAnthropicDouble();
});
afterAll(() => api.close());

const USAGE = {
  input_tokens: 1000,
  output_tokens: 2000,
  cache_read_input_tokens: 30_000,
  cache_creation_input_tokens: 4000,
  cache_creation: { ephemeral_5m_input_tokens: 1500, ephemeral_1h_input_tokens: 2500 },
};

describe.concurrent('claude calculates with the same prices', () => {
  it.each(Object.keys(PRICES))('for %s', async (model) => {
    await using home = await makeHome();
    const env = { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test' };
    const { result } = await ask(`[[usage:${JSON.stringify(USAGE)}]] hello`, { home, env, args: ['--model', model] });
    const ours = costOf({
      model,
      inputTokens: 1000,
      outputTokens: 2000,
      cacheReadInputTokens: 30_000,
      cacheCreationInputTokens: 4000,
      hourCacheTokens: 2500,
      webSearches: 0,
      isFast: false,
      isInUs: false,
    });
    expect((result as { total_cost_usd?: number }).total_cost_usd).toBeCloseTo(ours, 6);
  });
});
