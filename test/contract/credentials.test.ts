import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  ])('%s wins silently over what stands behind it', async (_, scheme, value, given) => {
    await using home = await makeHome();
    await using own = await startAnthropicDouble();
    await home.logIn({ accessToken: 'sk-ant-oat01-file' });
    await ask('who am I', { home, env: { ANTHROPIC_BASE_URL: own.url, ...given } });
    expect(own.messages().map(({ credential }) => credential)).toEqual([{ scheme, value }]);
  });

  it('is made from an identity token by federation', async () => {
    await using home = await makeHome();
    await using own = await startAnthropicDouble({ accept: ['sk-ant-oat01-federated'] });
    const { result } = await ask('hello', { home, env: await federation(home.path, own.url) });
    expect(result.result).toBe('echo: hello');
    expect(own.requests.map(({ path }) => path)).toEqual(['/v1/oauth/token', '/v1/messages']);
  });

  it('that is missing is an authentication failure without a status, and nothing is sent', async () => {
    await using home = await makeHome();
    await using own = await startAnthropicDouble();
    const { error, result, code } = await ask('hello', { home, env: { ANTHROPIC_BASE_URL: own.url } });
    expect({ kind: error.error, code }).toEqual({ kind: 'authentication_failed', code: 1 });
    expect(result.api_error_status ?? null).toBeNull();
    expect(own.requests).toEqual([]);
  });

  it('that is not made, for the identity token is refused, is a failure of an unknown kind', async () => {
    await using refusing = await startAnthropicDouble({ federatedToken: null });
    await using home = await makeHome();
    const { error, code } = await ask('hello', { home, env: await federation(home.path, refusing.url) });
    expect({ kind: error.error, code }).toEqual({ kind: 'unknown', code: 1 });
    expect(refusing.messages()).toEqual([]);
  });
});

async function federation(folder: string, url: string): Promise<Record<string, string>> {
  const file = join(folder, 'identity-token');
  await writeFile(file, 'header.claims.signature');
  return {
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_FEDERATION_RULE_ID: 'rule-1',
    ANTHROPIC_ORGANIZATION_ID: '00000000-0000-4000-8000-000000000000',
    ANTHROPIC_IDENTITY_TOKEN_FILE: file,
  };
}
