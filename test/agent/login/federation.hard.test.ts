import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../agent/contract.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';
import { closedPort } from '../../support/closed-port.ts';
import { identityToken } from '../../support/identity-token.ts';

const AUDIENCE = 'https://api.anthropic.com';
const EXCHANGE = '/v1/oauth/token';
const MESSAGES = '/v1/messages';
/** The timeout of a run determines how often a failed exchange is retried: here twice. */
const FEW_RETRIES = { timeout: 10_000 };

describe('an agent whose credential is an identity token', () => {
  let api: AnthropicDouble;
  let agent: Agent;

  /** Puts a token in place like the kubelet: in a new folder, behind a link that is switched. */
  function issue(token: string, folder = String(Date.now())): void {
    const at = (...parts: string[]) => path.join(agent.folder, 'identity', ...parts);
    mkdirSync(at(folder), { recursive: true });
    writeFileSync(at(folder, 'token'), token);
    symlinkSync(folder, at('..new'));
    renameSync(at('..new'), at('..data'));
    rmSync(at('token'), { force: true });
    symlinkSync('..data/token', at('token'));
  }
  const check = async () =>
    (await (await agent.fetch('/auth/check', { method: 'POST' })).json()) as { state: string; detail: string };
  const paths = () => api.requests.map((request) => request.path);

  beforeEach(async () => {
    api = await startAnthropicDouble({ accept: ['sk-ant-oat01-federated'], federation: { audience: AUDIENCE } });
    agent = new Agent();
    Object.assign(agent.env, {
      ...REAL_CLAUDE,
      AGENT_AUTH_MODE: 'federation',
      AGENT_CREDENTIAL_FILE: path.join(agent.folder, 'identity/token'),
      ANTHROPIC_FEDERATION_RULE_ID: 'fdrl_1',
      ANTHROPIC_ORGANIZATION_ID: '00000000-0000-4000-8000-000000000000',
      ANTHROPIC_SERVICE_ACCOUNT_ID: 'svac_1',
      ANTHROPIC_API_KEY: 'sk-ant-api03-stray',
      ANTHROPIC_BASE_URL: api.url,
    });
  });
  afterEach(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  it('answers prompts, exchanges the token once for many runs, and shows its source and expiry in /health', async () => {
    const exp = Math.floor(Date.now() / 1000) + 600;
    issue(identityToken({ exp }));
    await agent.start();
    expect(await agent.run('hello')).toMatchObject({ success: true, output: 'echo: hello' });
    expect(await agent.run('again')).toMatchObject({ success: true });
    expect(paths()).toEqual([EXCHANGE, MESSAGES, MESSAGES]);
    expect(api.requests[0]).toMatchObject({
      identity: { sub: 'system:serviceaccount:claude-agent:claude-code-agent' },
      body: { federation_rule_id: 'fdrl_1', service_account_id: 'svac_1' },
    });
    expect((await agent.health()).auth).toMatchObject({
      mode: 'federation',
      source: agent.env['AGENT_CREDENTIAL_FILE'],
      state: 'ok',
      refreshable: true,
      expiresAt: new Date(exp * 1000).toISOString(),
    });
    expect(await check()).toMatchObject({ state: 'ok', evidence: 'recent-run' });
    expect(agent.lines.join('\n')).not.toContain('sk-ant-oat01-federated');
  });

  it('uses the renewed token when the old one has expired, and keeps no access token across a restart', async () => {
    issue(identityToken({ exp: Math.floor(Date.now() / 1000) - 60 }), 'ended');
    await agent.start();
    const refused = await agent.run('with a token that has ended', FEW_RETRIES);
    expect(refused).toMatchObject({ outcome: 'auth_failed', exitCode: 57 });
    expect(refused.error).toContain('The identity token has expired.');
    expect((await agent.health()).auth).toMatchObject({ state: 'auth_failed' });
    issue(identityToken(), 'renewed');
    expect((await agent.health()).auth).toMatchObject({ state: 'unknown' });
    expect(await agent.run('with the next one')).toMatchObject({ success: true });
    await agent.crash();
    expect(await agent.run('after a restart')).toMatchObject({ success: true });
    expect(paths().slice(-4)).toEqual([EXCHANGE, MESSAGES, EXCHANGE, MESSAGES]);
  });

  it.each<[failure: string, outcome: Outcome]>([
    ['no_such_rule', 'auth_failed'],
    ['overloaded', 'unavailable'],
  ])('reports the outcome of an exchange that fails with %s', async (failure, outcome) => {
    api.configure({ federation: { failure } });
    issue(identityToken());
    await agent.start();
    const answer = await agent.run('hello', FEW_RETRIES);
    expect(answer).toMatchObject({ outcome, success: false });
    expect(answer.error).toContain('Token exchange failed with status');
  });

  it.each([
    ['no_federation', 'auth_failed'],
    ['server_error', 'outage'],
  ])('reports the state after %s to the watchdog, too', async (failure, state) => {
    api.configure({ federation: { failure } });
    issue(identityToken());
    await agent.start();
    expect(await check()).toMatchObject({ state, evidence: 'probe' });
  });

  it('reports that the server is unreachable', async () => {
    agent.env['ANTHROPIC_BASE_URL'] = await closedPort();
    issue(identityToken());
    await agent.start();
    expect(await agent.run('hello', FEW_RETRIES)).toMatchObject({ outcome: 'unavailable' });
    expect((await agent.health()).auth).toMatchObject({ state: 'outage' });
  });

  it('treats an access token that the API keeps refusing as a failed login', async () => {
    api.configure({ accept: [] });
    issue(identityToken());
    await agent.start();
    expect(await agent.run('hello', FEW_RETRIES)).toMatchObject({ outcome: 'auth_failed' });
    expect((await agent.health()).auth).toMatchObject({ state: 'auth_failed' });
  });

  it('reports that the token is gone, and sends nothing', async () => {
    issue(identityToken());
    await agent.start();
    rmSync(path.join(agent.folder, 'identity'), { recursive: true });
    expect(await agent.run('hello', FEW_RETRIES)).toMatchObject({ outcome: 'auth_failed' });
    const found = await check();
    expect(found).toMatchObject({ state: 'auth_failed', evidence: 'none' });
    expect(found.detail).toContain('identity/token cannot be read (ENOENT)');
    expect(api.requests).toEqual([]);
  });

  it('passes only the variables of the exchange to a process, and no other credential', async () => {
    issue(identityToken());
    await agent.start();
    const { output } = await agent.run('[[bash:env]] x');
    const names = [...output.matchAll(/^((?:ANTHROPIC|CLAUDE_CODE|AGENT)_\w+)=/gm)].map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(['ANTHROPIC_FEDERATION_RULE_ID', 'ANTHROPIC_IDENTITY_TOKEN_FILE']));
    expect(output).not.toMatch(/sk-ant|^AGENT_/m);
  });
});
