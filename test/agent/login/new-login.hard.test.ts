import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { startOauthProxy, type OauthProxy, type RefreshMode } from '../../doubles/oauth-proxy/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';
import { sendCode, startLogin } from '../../support/login.ts';

const SEED = { accessToken: 'sk-ant-oat01-seed', refreshToken: 'sk-ant-ort01-seed' };
const ACCOUNTS = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const;
/** Each works once. */
const CODES = Object.fromEntries(
  ['one', 'two', 'three', 'four', 'five'].map((code, i) => [code, ACCOUNTS[i % 2] ?? '']),
);

interface Case {
  readonly what: string;
  readonly code: string;
  readonly mode?: RefreshMode;
  /** A directive for the prompt that tries the login. */
  readonly api?: string;
  readonly answer: object;
}

const asked = (status: number, detail: RegExp) => ({
  status,
  body: { detail: expect.stringMatching(detail) as string },
});
const CASES: readonly Case[] = [
  { what: 'that is wrong, expired or used', code: 'unknown#state', answer: asked(422, /did not accept the code/) },
  { what: 'without its state', code: 'one', answer: asked(422, /not the whole code/) },
  {
    what: 'while the host of logins is unreachable',
    code: 'one#state',
    mode: 'unreachable',
    answer: asked(503, /could not complete/),
  },
  { what: 'while the host of logins fails', code: 'one#state', mode: 'failing', answer: asked(503, /status code 500/) },
  {
    what: 'of a login that Anthropic then refuses',
    code: 'one#state',
    api: '[[fail:org_not_allowed]]',
    answer: { status: 200, body: { state: 'auth_failed', cause: 'organization' } },
  },
  {
    what: 'while the API is overloaded',
    code: 'two#state',
    api: '[[fail:overloaded]]',
    answer: { status: 200, body: { state: 'outage' } },
  },
];

describe('with the real CLI, a code', () => {
  let agent: Agent;
  let api: AnthropicDouble;
  let proxy: OauthProxy;
  const file = () => readFileSync(path.join(agent.stateDir, 'claude', '.credentials.json'), 'utf8');

  beforeAll(async () => {
    api = await startAnthropicDouble();
    proxy = await startOauthProxy({ tokens: SEED, codes: CODES });
    agent = new Agent({ env: { ...REAL_CLAUDE, ...proxy.env, ANTHROPIC_BASE_URL: api.url, AGENT_LOG_LEVEL: 'trace' } });
    const seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    const claudeAiOauth = { ...SEED, expiresAt: Date.now() + 3_600_000, scopes: ['user:inference'] };
    writeFileSync(path.join(seed, '.credentials.json'), JSON.stringify({ claudeAiOauth }));
    agent.env['AGENT_SESSION_DIR'] = seed;
    await agent.start();
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await proxy.close();
    await api.close();
  });

  it.each(CASES)('$what changes nothing', async ({ code, mode = 'rotate', api: directive = '', answer }) => {
    const before = file();
    const { body } = await startLogin(agent);
    proxy.setMode(mode);
    api.configure({ mode: directive });
    expect(await sendCode(agent, body.id, code)).toMatchObject(answer);
    proxy.setMode('rotate');
    api.configure({ mode: '' });
    expect(file()).toBe(before);
    expect((await agent.run('hello')).output).toBe('echo: hello');
    expect(api.messages().at(-1)?.credential.value).toBe(SEED.accessToken);
  });

  it('replaces the login of a run in progress, which continues with it', async () => {
    const go = path.join(agent.folder, 'go');
    const answer = agent.run(`[[bash:until [ -e ${go} ]; do sleep 0.05; done; echo gone]]`);
    const { length } = api.messages();
    await until(() => api.messages().length > length, 'the run is at work');
    const { body } = await startLogin(agent);
    expect(await sendCode(agent, body.id, 'five#state')).toMatchObject({ body: { state: 'ok' } });
    api.configure({ accept: [proxy.current.accessToken] });
    writeFileSync(go, '');
    expect(await answer).toMatchObject({ outcome: 'succeeded', output: 'tool: gone' });
    expect(JSON.parse(file())).toMatchObject({ claudeAiOauth: proxy.current });
    api.configure({ accept: null });
  });

  it('of another account replaces the login, and the next run uses it', async () => {
    for (const code of ['three', 'four']) {
      const { body } = await startLogin(agent);
      expect(await sendCode(agent, body.id, `${code}#state`)).toMatchObject({ body: { state: 'ok' } });
      expect(JSON.parse(file())).toMatchObject({ claudeAiOauth: { ...proxy.current, accountUuid: CODES[code] } });
      expect((await agent.run('hello')).output).toBe('echo: hello');
      expect(api.messages().at(-1)?.credential.value).toBe(proxy.current.accessToken);
    }
  });

  it('is never in the log, nor is an address or a token', () => {
    const log = agent.lines.join('\n');
    for (const secret of [...Object.keys(CODES), 'unknown', 'state'].map((code) => `${code}#`))
      expect(log).not.toContain(secret);
    expect(log).not.toMatch(/sk-ant-|oauth\/authorize/);
  });
});
