import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { claudeEnvironment } from '../../../agent/claude/environment.ts';
import { renewLogin } from '../../../agent/claude/renew-login.ts';
import { FixedCredential, runVariables } from '../../../agent/gateway/credential.ts';
import { FederationCredential } from '../../../agent/gateway/federation.ts';
import { SessionCredential } from '../../../agent/gateway/session.ts';
import { Upstream } from '../../../agent/gateway/upstream.ts';
import { variableCredential } from '../../../agent/login/credential.ts';
import { LoginCustody } from '../../../agent/login/login-custody.ts';
import type { AuthMode } from '../../../agent/contract.ts';
import { startAnthropicDouble } from '../../doubles/anthropic/server.ts';
import { startOauthProxy } from '../../doubles/oauth-proxy/server.ts';
import { until } from '../../support/agent.ts';
import { ask } from '../../support/ask.ts';
import { AS_ROOT, BYPASS, CLAUDE } from '../../support/claude.ts';
import { folder } from '../../support/folder.ts';
import { keepingLog, startGateway, type TestGateway } from '../../support/gateway.ts';
import { makeHome } from '../../support/home.ts';
import { identityToken } from '../../support/identity-token.ts';
import '../../support/two-at-a-time.ts';

/** A prompt that the real CLI runs through the gateway with a token of its own. */
async function askThrough(own: TestGateway, mode: AuthMode, prompt: string) {
  await using home = await makeHome();
  const token = own.tokens.issue(prompt);
  const env = { ANTHROPIC_BASE_URL: own.url, CLAUDE_CODE_MAX_RETRIES: '2', ...AS_ROOT, ...runVariables(mode, token) };
  try {
    return await ask(prompt, { home, env, args: BYPASS });
  } finally {
    own.tokens.revoke(token);
  }
}

describe('the real CLI runs through the gateway', () => {
  it.each([
    ['oauthToken', 'bearer', 'sk-ant-oat01-real'],
    ['apiKey', 'api-key', 'sk-ant-api03-real'],
  ] as const)('with a credential of mode %s, also one that is replaced after a 401', async (mode, scheme, value) => {
    await using api = await startAnthropicDouble({ accept: [value] });
    const file = path.join(folder({ credential: 'an-older-one' }), 'credential');
    const credential = new FixedCredential(variableCredential(mode, file, undefined), mode);
    await using own = await startGateway(api.url, { credential });
    const asked = askThrough(own, mode, 'hello');
    await until(() => api.messages().length > 0, 'the first request');
    writeFileSync(file, value);
    expect((await asked).result).toMatchObject({ is_error: false, result: 'echo: hello' });
    expect(api.messages().map(({ credential: used, status }) => ({ ...used, status }))).toEqual([
      { scheme, value: 'an-older-one', status: 401 },
      { scheme, value, status: 200 },
    ]);
    expect(own.refused).toEqual([]);
    expect(own.exchanged.at(-1)).toMatchObject({ sessionId: 'hello', status: 200, usage: { inputTokens: 2 } });
  });

  it('with an identity token, whose access token is refused in the middle of a run', async () => {
    await using api = await startAnthropicDouble({ federation: { token: 'first' }, accept: ['first'] });
    const identityTokenFile = path.join(folder({ identity: identityToken() }), 'identity');
    const federation = { identityTokenFile, ruleId: 'fdrl_1', organizationId: 'org' };
    const upstream = new Upstream({ ANTHROPIC_BASE_URL: api.url });
    const credential = new FederationCredential(federation, upstream, keepingLog([]));
    await using own = await startGateway(api.url, { credential, upstream });
    const go = path.join(folder(), 'go');
    const asked = askThrough(own, 'federation', `[[bash:until [ -e ${go} ]; do sleep 0.05; done; echo gone]]`);
    await until(() => api.messages()[0]?.status === 200, 'the first request');
    api.configure({ federation: { token: 'second' }, accept: ['second'] });
    writeFileSync(go, '');
    expect((await asked).result).toMatchObject({ is_error: false, result: 'tool: gone' });
    expect(api.messages().map(({ credential: { value }, status }) => `${value} ${status}`)).toEqual([
      'first 200',
      'first 401',
      'second 200',
    ]);
    expect(api.messages()[0]?.headers['anthropic-beta']).toContain('oauth-2025-04-20');
  });

  it('with the login of the agent, which is renewed once when two runs are refused in the middle', async () => {
    const tokens = { accessToken: 'sk-ant-oat01-first', refreshToken: 'sk-ant-ort01-first' };
    await using home = await makeHome();
    await using api = await startAnthropicDouble({ accept: [tokens.accessToken] });
    await using proxy = await startOauthProxy({
      tokens,
      onRotated: ({ accessToken }) => api.configure({ accept: [accessToken] }),
    });
    await home.logIn(tokens);
    let kept: string | undefined;
    const login = new LoginCustody(
      path.join(home.path, '.claude', '.credentials.json'),
      { read: () => kept, keep: (text) => void (kept = text) },
      keepingLog([]),
    );
    const own = { HOME: home.path, PATH: process.env['PATH'], ...proxy.env };
    const environment = claudeEnvironment(own, {}, randomUUID(), 30_000);
    const credential = new SessionCredential({
      login,
      renew: () => renewLogin(CLAUDE, environment),
      log: keepingLog([]),
    });
    await using gateway = await startGateway(api.url, { credential });
    const go = path.join(folder(), 'go');
    const wait = `until [ -e ${go} ]; do sleep 0.05; done`;
    const asked = ['one', 'two'].map((name) => askThrough(gateway, 'session', `[[bash:${wait}; echo ${name}]]`));
    await until(() => api.messages().filter(({ status }) => status === 200).length === 2, 'both first requests');
    api.configure({ accept: [] });
    writeFileSync(go, '');
    const results = (await Promise.all(asked)).map(({ result }) => result);
    expect(results).toMatchObject([{ result: 'tool: one' }, { result: 'tool: two' }]);
    expect(proxy.refreshes).toEqual([{ refreshToken: tokens.refreshToken, outcome: 'rotated' }]);
    expect((await home.login()).login).toMatchObject(proxy.current);
    for (const name of ['one', 'two']) {
      const used = api.messages().filter(({ prompt }) => prompt.includes(`echo ${name}]]`));
      const statuses = used.map(({ status }) => status);
      expect([
        [200, 401, 200],
        [200, 200],
      ]).toContainEqual(statuses);
    }
    expect(api.requests.every(({ headers }) => !JSON.stringify(headers).includes('sk-ant-ort01'))).toBe(true);
  });
});
