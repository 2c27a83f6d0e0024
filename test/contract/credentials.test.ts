import { describe, expect, it } from 'vitest';
import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { makeHome } from '../support/home.ts';
import '../support/two-at-a-time.ts';

const KEY = { ANTHROPIC_API_KEY: 'sk-ant-api03-test' };
const TOKEN = { CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-test' };

describe.concurrent('a credential', () => {
  it.each([
    ['an API key', 'api-key', KEY.ANTHROPIC_API_KEY, { ...KEY, ...TOKEN }],
    ['an OAuth token', 'bearer', TOKEN.CLAUDE_CODE_OAUTH_TOKEN, TOKEN],
  ])('%s silently takes precedence over the ones after it', async (_, scheme, value, given) => {
    await using home = await makeHome();
    await using own = await startAnthropicDouble();
    await home.logIn({ accessToken: 'sk-ant-oat01-file' });
    await ask('who am I', { home, env: { ANTHROPIC_BASE_URL: own.url, ...given } });
    expect(own.messages().map(({ credential }) => credential)).toEqual([{ scheme, value }]);
  });

  it('that is missing is an authentication failure without a status, and nothing is sent', async () => {
    await using home = await makeHome();
    await using own = await startAnthropicDouble();
    const { error, result, code } = await ask('hello', { home, env: { ANTHROPIC_BASE_URL: own.url } });
    expect({ kind: error.error, code }).toEqual({ kind: 'authentication_failed', code: 1 });
    expect(result.api_error_status ?? null).toBeNull();
    expect(own.requests).toEqual([]);
  });
});
