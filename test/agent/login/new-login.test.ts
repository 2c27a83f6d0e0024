import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionFiles } from '../../../agent/backup/volume-files.ts';
import type { NewLogin, NewLoginReport } from '../../../agent/http/api/login.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { startOauthProxy, type OauthProxy } from '../../doubles/oauth-proxy/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

const SEED = { accessToken: 'sk-ant-oat01-seed', refreshToken: 'sk-ant-ort01-seed' };
const ACCOUNT = '11111111-1111-4111-8111-111111111111';
const HOUR = 3_600_000;

describe('a login with the real CLI', () => {
  let agent: Agent;
  let api: AnthropicDouble;
  let proxy: OauthProxy;
  let seed: string;

  const writeSeed = (tokens: object, expiresAt: number) =>
    writeFileSync(
      path.join(seed, '.credentials.json'),
      JSON.stringify({ claudeAiOauth: { ...tokens, expiresAt, scopes: ['user:inference'] }, mcpOAuth: { kept: true } }),
    );
  const file = () => path.join(agent.stateDir, 'claude', '.credentials.json');
  const login = () => JSON.parse(readFileSync(file(), 'utf8')) as { claudeAiOauth: object };
  const post = (route: string, body?: object) =>
    agent.fetch(route, {
      method: 'POST',
      ...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    });

  beforeAll(async () => {
    api = await startAnthropicDouble({ accept: [] });
    proxy = await startOauthProxy({
      tokens: SEED,
      codes: { 'good-code': ACCOUNT },
      onRotated: ({ accessToken }) => api.configure({ accept: [accessToken] }),
    });
    agent = new Agent({ env: { ...REAL_CLAUDE, ...proxy.env, ANTHROPIC_BASE_URL: api.url, AGENT_LOG_LEVEL: 'trace' } });
    seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    writeSeed(SEED, Date.now() + HOUR);
    agent.env['AGENT_SESSION_DIR'] = seed;
    await agent.start();
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await proxy.close();
    await api.close();
  });

  it('replaces the login in use when it has answered a prompt', async () => {
    const before = login();
    const started = await post('/auth/login');
    expect(started.status).toBe(201);
    const { id, url, expiresAt } = (await started.json()) as NewLogin;
    expect(url).toMatch(/^https:\/\/claude\.(ai|com)\//);
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(9 * 60_000);
    const [folder = ''] = readdirSync(path.join(agent.stateDir, 'new-logins'));
    expect(statSync(path.join(agent.stateDir, 'new-logins', folder)).mode & 0o777).toBe(0o700);

    const incomplete = await post(`/auth/login/${id}`, { code: 'good-code' });
    expect(incomplete.status).toBe(422);
    expect(await incomplete.json()).toMatchObject({ detail: expect.stringContaining('whole code') as string });
    expect(login()).toEqual(before);

    const code = ' https://platform.claude.com/oauth/code/\r\n callback?code=good-code&state=the-state\n';
    const completed = await post(`/auth/login/${id}`, { code });
    expect(completed.status).toBe(200);
    const report = (await completed.json()) as NewLoginReport;
    expect(report).toMatchObject({ state: 'ok', evidence: 'probe', account: 'somebody@example.com', source: file() });
    expect(api.messages().map(({ credential }) => credential.value)).toEqual([proxy.current.accessToken]);
    expect(login()).toMatchObject({ claudeAiOauth: proxy.current, mcpOAuth: { kept: true } });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect((await agent.health()).auth).toMatchObject({ state: 'ok' });
    expect((await agent.run('hello')).output).toBe('echo: hello');
    await until(() => readdirSync(path.join(agent.stateDir, 'new-logins')).length === 0, 'the folder is removed');
    expect((await post(`/auth/login/${id}`, { code })).status).toBe(404);
    const check = (await (await post('/auth/check')).json()) as object;
    expect(check).toMatchObject({ state: 'ok', evidence: 'recent-run' });
  });

  it('is in a backup', () => {
    const files = sessionFiles(agent.stateDir);
    expect(files).toEqual(expect.arrayContaining(['claude/.credentials.json', 'seed.json']));
    for (const name of ['claude/.credentials.json', 'seed.json']) {
      expect(readFileSync(path.join(agent.stateDir, name), 'utf8')).toContain(proxy.current.refreshToken);
    }
  });

  it('is not taken back by a seed that is older, but by a newer one', async () => {
    const made = login();
    await agent.end('SIGTERM');
    await agent.start();
    expect(login()).toEqual(made);
    await agent.end('SIGTERM');
    writeSeed({ accessToken: 'sk-ant-oat01-older', refreshToken: 'sk-ant-ort01-older' }, Date.now() + 2 * HOUR);
    await agent.start();
    expect(login()).toEqual(made);
    await agent.end('SIGTERM');
    const newer = { accessToken: 'sk-ant-oat01-newer', refreshToken: 'sk-ant-ort01-newer' };
    writeSeed(newer, Date.now() + 9 * HOUR);
    await agent.start();
    expect(login()).toMatchObject({ claudeAiOauth: newer });
  });

  it('leaves no code, address or token in the log', () => {
    const log = agent.lines.join('\n');
    expect(log).toContain('the login was replaced');
    for (const secret of ['good-code', 'the-state', 'oauth/authorize', 'sk-ant-', 'code_challenge']) {
      expect(log).not.toContain(secret);
    }
    expect(existsSync(path.join(agent.folder, 'home', '.claude.json'))).toBe(false);
  });
});
