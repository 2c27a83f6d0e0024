import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../doubles/anthropic/server.ts';
import { ask } from '../support/ask.ts';
import { AS_ROOT, BYPASS } from '../support/claude.ts';
import { closedPort } from '../support/closed-port.ts';
import { makeHome, type Home } from '../support/home.ts';
import { identityToken } from '../support/identity-token.ts';
import '../support/two-at-a-time.ts';

const ORGANIZATION = '00000000-0000-4000-8000-000000000000';

/** Variables with which the CLI exchanges the identity token in the home folder. */
async function federated(home: Home, url: string, token = identityToken()): Promise<Record<string, string>> {
  const file = join(home.path, 'identity-token');
  await writeFile(file, token);
  return {
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_FEDERATION_RULE_ID: 'fdrl_1',
    ANTHROPIC_ORGANIZATION_ID: ORGANIZATION,
    ANTHROPIC_IDENTITY_TOKEN_FILE: file,
    CLAUDE_CODE_FEDERATION_CACHE_DIR: join(home.path, 'cache'),
  };
}

const paths = (api: AnthropicDouble) => api.requests.map(({ path }) => path);
const EXCHANGE = '/v1/oauth/token';
const MESSAGES = '/v1/messages';

describe.concurrent('an identity token', () => {
  it('is exchanged for an access token, with the rule and the account from the environment', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble({ accept: ['sk-ant-oat01-federated'] });
    const env = await federated(home, api.url);
    const named = { ANTHROPIC_SERVICE_ACCOUNT_ID: 'svac_1', ANTHROPIC_WORKSPACE_ID: 'wrkspc_1' };
    const { result } = await ask('hello', { home, env: { ...env, ...named } });
    expect(result.result).toBe('echo: hello');
    expect(paths(api)).toEqual([EXCHANGE, MESSAGES]);
    expect(api.requests[0]?.body).toMatchObject({
      federation_rule_id: 'fdrl_1',
      organization_id: ORGANIZATION,
      service_account_id: 'svac_1',
      workspace_id: 'wrkspc_1',
    });
  });

  it('takes precedence over a login file', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble();
    await home.logIn({ accessToken: 'sk-ant-oat01-file' });
    await ask('hello', { home, env: await federated(home, api.url) });
    expect(api.messages()[0]?.credential.value).toBe('sk-ant-oat01-federated');
  });

  it('is exchanged once for many processes, and again when it is renewed; each exchange leaves a file that only the owner can read', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble();
    const env = await federated(home, api.url);
    await ask('one', { home, env });
    await ask('two', { home, env });
    expect(paths(api)).toEqual([EXCHANGE, MESSAGES, MESSAGES]);
    await ask('three', { home, env: await federated(home, api.url, identityToken({ jti: 'renewed' })) });
    expect(paths(api).slice(3)).toEqual([EXCHANGE, MESSAGES]);
    const cached = await readdir(join(home.path, 'cache'));
    expect(cached).toHaveLength(2);
    for (const name of cached) expect((await stat(join(home.path, 'cache', name))).mode & 0o777).toBe(0o600);
  });

  it('is exchanged again in a later process when the access token has expired', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble({ federation: { seconds: 1 } });
    const env = await federated(home, api.url);
    await ask('one', { home, env });
    await ask('two', { home, env });
    expect(paths(api)).toEqual([EXCHANGE, MESSAGES, EXCHANGE, MESSAGES]);
  });

  it('is exchanged again during a run half a minute before the access token expires', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble({ federation: { seconds: 32 } });
    const env = { ...(await federated(home, api.url)), ...AS_ROOT };
    const { result } = await ask('[[bash:sleep 3]] wait', { home, env, args: BYPASS });
    expect(result.is_error).toBe(false);
    expect(paths(api).slice(-3)).toEqual([MESSAGES, EXCHANGE, MESSAGES]);
  });
});

/** The agent recognizes these failures by their messages; see `agent/claude/token-exchange.ts`. */
describe.concurrent('a failed exchange has an unknown kind, no status, and a message that says', () => {
  it.each([
    ['no_federation', 'Token exchange failed with status 401 '],
    ['identity_expired', 'Token exchange failed with status 401 '],
    ['identity_unreadable', 'Token exchange failed with status 400 '],
    ['no_such_rule', 'Token exchange failed with status 404 '],
    ['rate_limit', 'Token exchange failed with status 429 '],
    ['server_error', 'Token exchange failed with status 500 '],
    ['overloaded', 'Token exchange failed with status 529 '],
  ])('%s', async (failure, said) => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble({ federation: { failure } });
    const { error, result, code } = await ask('hello', { home, env: await federated(home, api.url) });
    expect({ kind: error.error, status: result.api_error_status ?? null, code }).toEqual({
      kind: 'unknown',
      status: null,
      code: 1,
    });
    expect(result.result).toMatch(new RegExp(`^API Error: ${said}`));
    expect(paths(api)).toEqual([EXCHANGE]);
  });

  it('that the server is unreachable', async () => {
    await using home = await makeHome();
    const { error, result } = await ask('hello', { home, env: await federated(home, await closedPort()) });
    expect(error.error).toBe('unknown');
    expect(result.result).toMatch(/^API Error: Failed to reach token endpoint http/);
  });

  it('that there is no token, or an empty one', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble();
    const env = await federated(home, api.url, '');
    expect((await ask('hello', { home, env })).result.result).toMatch(
      /^API Error: Identity token file at \S+ is empty/,
    );
    const gone = { ...env, ANTHROPIC_IDENTITY_TOKEN_FILE: join(home.path, 'gone') };
    expect((await ask('hello', { home, env: gone })).result.result).toMatch(
      /^API Error: Failed to read identity token file at /,
    );
    expect(api.requests).toEqual([]);
  });

  it.each([
    ['no_federation', 1],
    ['server_error', 2],
  ])('%s after %i retries, of which the events report only the number', async (failure, more) => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble({ federation: { failure } });
    const env = { ...(await federated(home, api.url)), CLAUDE_CODE_MAX_RETRIES: '2' };
    const { events } = await ask('hello', { home, env });
    expect(paths(api)).toEqual(Array(more + 1).fill(EXCHANGE));
    const retries = events.filter(({ subtype }) => subtype === 'api_retry');
    expect(retries).toEqual(Array(more).fill(expect.objectContaining({ error: 'unknown', error_status: null })));
  });

  it('that it requires https', async () => {
    await using home = await makeHome();
    const { result } = await ask('hello', { home, env: await federated(home, 'http://api.invalid') });
    expect(result.result).toMatch(/^API Error: Refusing to send credential over non-https token endpoint/);
  });
});

describe.concurrent('an access token that the API refuses', () => {
  it('is exchanged again, and is then an authentication failure with a status', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble({ accept: ['another'] });
    const { error, result } = await ask('hello', { home, env: await federated(home, api.url) });
    expect({ kind: error.error, status: result.api_error_status }).toEqual({
      kind: 'authentication_failed',
      status: 401,
    });
    expect(paths(api).slice(0, 4)).toEqual([EXCHANGE, MESSAGES, EXCHANGE, MESSAGES]);
  });
});
