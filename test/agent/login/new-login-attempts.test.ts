import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalHost } from '../../../agent/claude/local-host.ts';
import { NoSuchLoginError } from '../../../agent/login/new-login/errors.ts';
import { LoginAttempts } from '../../../agent/login/new-login/login-attempts.ts';
import { loginTarget } from '../../../agent/login/new-login/login-target.ts';
import { codeFrom } from '../../../agent/login/new-login/pasted-code.ts';
import { PROBE } from '../../../agent/runs/login-check.ts';
import { LOGIN_ADDRESS } from '../../doubles/claude/login.ts';
import type { Step } from '../../doubles/claude/script.ts';
import { Agent, isAlive, TOKEN, until } from '../../support/agent.ts';
import { folder } from '../../support/folder.ts';
import { keepingLog } from '../../support/gateway.ts';
import { sendCode, startLogin } from '../../support/login.ts';
import { needs, unless } from '../../support/needs.ts';
import { scriptClaude } from '../../support/scripted-claude.ts';

const LINUX = unless(process.platform === 'linux', 'It reads /proc, which only Linux has.');
const REFUSED: readonly Step[] = [{ do: 'refuse', kind: 'oauth_org_not_allowed', status: 403, text: 'Not allowed' }];

let agent: Agent;
const page = async () =>
  (await fetch(`${agent.url}/`, { method: 'POST', headers: { Authorization: `Bearer ${TOKEN}` } })).text();
const logins = () => path.join(agent.stateDir, 'new-logins');
const open = () => (existsSync(logins()) ? readdirSync(logins()) : []);

/** Writes a login file. */
function writeLogin(where: string): void {
  mkdirSync(where, { recursive: true });
  const claudeAiOauth = { accessToken: 'sk-ant-oat01-old', refreshToken: 'r', expiresAt: Date.now() + 3_600_000 };
  writeFileSync(path.join(where, '.credentials.json'), JSON.stringify({ claudeAiOauth, mcpOAuth: 'kept' }));
}

/** An agent with a login of its own. */
function withSeed(options: ConstructorParameters<typeof Agent>[0] = {}): Agent {
  agent = new Agent(options);
  const seed = path.join(agent.folder, 'seed');
  writeLogin(seed);
  agent.env['AGENT_SESSION_DIR'] = seed;
  return agent;
}
const ownLogin = () => readFileSync(path.join(agent.stateDir, 'claude/.credentials.json'), 'utf8');

afterEach(() => agent[Symbol.asyncDispose]());

describe('a login', () => {
  const env = { AGENT_WARM_START: 'off', ANTHROPIC_API_KEY: 'sk-ant-api03-canary', HTTPS_PROXY: 'http://127.0.0.1:9' };
  beforeEach(() => withSeed({ env }).start());

  it(
    'is made by the CLI in a folder of its own, without another credential, through the proxy',
    needs(LINUX),
    async () => {
      const { body } = await startLogin(agent);
      expect(body.url).toBe(LOGIN_ADDRESS);
      const pid = agent.claude.started().at(-1) ?? 0;
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      expect(environment).toContain(`CLAUDE_CONFIG_DIR=${path.join(logins(), open()[0] ?? '')}\0`);
      expect(environment).toContain('HTTPS_PROXY=http://127.0.0.1:9\0');
      expect(environment).not.toMatch(/canary|ANTHROPIC_(API_KEY|AUTH_TOKEN)|OAUTH_TOKEN/);
      const [, , group] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
      expect(group).toBe(String(pid));
    },
  );

  it('ends when Anthropic refuses the code or cannot be reached, and says what to do', async () => {
    const before = ownLogin();
    for (const [code, status, detail] of [
      ['refused#state', 422, /^Anthropic did not accept the code.*Start a new login\.$/],
      ['unreachable#state', 503, /ECONNREFUSED.*platform\.claude\.com/],
    ] as const) {
      const { body } = await startLogin(agent);
      expect(await sendCode(agent, body.id, code)).toMatchObject({
        status,
        body: { detail: expect.stringMatching(detail) as string },
      });
      expect((await sendCode(agent, body.id, 'good#state')).status).toBe(404);
    }
    expect(ownLogin()).toBe(before);
    await until(() => open().length === 0, 'the folders are removed');
    expect(agent.lines.join('\n')).not.toMatch(/refused#|unreachable#|#state|authorize/);
  });

  it('ends when it is cancelled', async () => {
    const { body } = await startLogin(agent);
    const pid = agent.claude.started().at(-1) ?? 0;
    expect((await agent.fetch(`/auth/login/${body.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await agent.fetch(`/auth/login/${body.id}`, { method: 'DELETE' })).status).toBe(404);
    expect((await sendCode(agent, 'unknown', 'good#state')).body.detail).toContain('no such login');
    await until(() => !isAlive(pid), 'the process ends');
  });

  it('ends when somebody starts a newer one, also while its code is being tried', async () => {
    const first = await startLogin(agent);
    const second = await startLogin(agent);
    const newer = { status: 404, body: { detail: expect.stringContaining('newer login was started') as string } };
    expect(await sendCode(agent, first.body.id, 'good#state')).toMatchObject(newer);
    const tried = sendCode(agent, second.body.id, 'hangs#state');
    await until(async () => (await page()).includes('The code is being checked'), 'the code is being tried');
    const third = await startLogin(agent);
    expect(await tried).toMatchObject(newer);
    expect(await sendCode(agent, third.body.id, 'good#state')).toMatchObject({ status: 200, body: { state: 'ok' } });
    await until(() => open().length === 0, 'the folders are removed');
  });

  it('ends with the agent, and is removed by the next one if that was killed', async () => {
    for (const stop of ['SIGTERM', 'SIGKILL'] as const) {
      const { body } = await startLogin(agent);
      const pid = agent.claude.started().at(-1) ?? 0;
      await agent.end(stop);
      if (stop === 'SIGTERM') expect([isAlive(pid), open()]).toEqual([false, []]);
      else expect([isAlive(pid), open()]).toEqual([true, [body.id]]);
      await agent.start();
      expect([isAlive(pid), open()]).toEqual([false, []]);
      expect((await sendCode(agent, body.id, 'good#state')).body.detail).toContain('the agent was restarted');
    }
  });
});

it('the queue goes on with a new login, and processes that were started ahead with the earlier one are replaced', async () => {
  await withSeed({ prompts: { hangs: [{ do: 'hang' }] } }).start();
  const running = await agent.submit('hangs');
  await until(() => agent.claude.begun().includes('hangs'), 'its beginning');
  const before = agent.claude.started();
  const waiting = agent.run('waits');
  await until(() => agent.claude.started().length > before.length, 'a process for the run that waits');
  const ahead = agent.claude.started().filter((pid) => !before.includes(pid));
  const { body } = await startLogin(agent);
  expect((await sendCode(agent, body.id, 'good#state')).body.state).toBe('ok');
  await until(() => !ahead.some(isAlive), 'they are gone');
  await agent.fetch(`/runs/${running}`, { method: 'DELETE' });
  expect(await waiting).toMatchObject({ outcome: 'succeeded', output: 'echo: waits' });
  expect(ownLogin()).toContain('sk-ant-oat01-good');
});

it('a login that does not answer a prompt is not used, and the answer says why', async () => {
  await withSeed({ prompts: { [PROBE]: REFUSED } }).start();
  const before = ownLogin();
  const { body } = await startLogin(agent);
  expect(await sendCode(agent, body.id, 'good#state')).toMatchObject({
    status: 200,
    body: {
      state: 'auth_failed',
      cause: 'organization',
      detail: expect.stringMatching(
        /^The new login is not used, because .*Not allowed.* Start a new login\.$/,
      ) as string,
    },
  });
  expect(ownLogin()).toBe(before);
  expect((await sendCode(agent, body.id, 'good#state')).status).toBe(404);
});

describe('the login of a person', () => {
  const config = () => path.join(agent.folder, 'home/.claude');
  beforeEach(async () => {
    agent = new Agent();
    writeLogin(config());
    renameSync(path.join(config(), '.credentials.json'), path.join(agent.folder, 'elsewhere.json'));
    symlinkSync(path.join(agent.folder, 'elsewhere.json'), path.join(config(), '.credentials.json'));
    writeFileSync(path.join(config(), 'settings.json'), '{}');
    await agent.start();
  });

  it('is replaced only if that is confirmed, and nothing else changes', async () => {
    const file = path.join(config(), '.credentials.json');
    const before = readFileSync(file, 'utf8');
    for (const body of [undefined, {}, { replace: false }]) {
      expect(await startLogin(agent, body)).toMatchObject({ status: 409, body: { title: 'Login not confirmed' } });
    }
    expect((await startLogin(agent, { replace: 'yes' })).status).toBe(400);
    expect([readFileSync(file, 'utf8'), agent.claude.journal().some(({ what }) => what === 'began'), open()]).toEqual([
      before,
      false,
      [],
    ]);

    const { body } = await startLogin(agent, { replace: true });
    const report = await sendCode(agent, body.id, 'good#state');
    expect(report.body).toMatchObject({ state: 'ok', source: file, account: 'operations@example.com' });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      claudeAiOauth: { accessToken: 'sk-ant-oat01-good' },
      mcpOAuth: 'kept',
    });
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(config()).sort()).toEqual(['.credentials.json', 'settings.json']);
    expect(existsSync(path.join(agent.folder, 'home/.claude.json'))).toBe(false);
  });
});

it('another credential than a login cannot be replaced', async () => {
  agent = await Agent.start({ env: { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: 'sk-ant-api03-test' } });
  expect(await startLogin(agent, { replace: true })).toMatchObject({
    status: 409,
    body: { detail: expect.stringMatching(/auth mode is apiKey\. Create a new key/) as string },
  });
  expect(await page()).not.toContain('Log in</button>');
});

describe('without an agent', () => {
  beforeEach(() => (agent = new Agent()));

  it('a login that is not completed in time ends', async () => {
    const stateDir = folder();
    const attempts = new LoginAttempts({
      stateDir,
      host: new LocalHost(),
      runsAreElsewhere: false,
      claudePath: scriptClaude(stateDir).path,
      environment: { PATH: process.env['PATH'] },
      instanceId: 'this-test',
      target: { problem: undefined, personsFile: undefined, replace: () => undefined },
      tryLogin: () => Promise.reject(new Error('not called')),
      onReplaced: () => undefined,
      reportOf: () => {
        throw new Error('not called');
      },
      log: keepingLog([]),
      lifetimeMs: 100,
    });
    const { id } = await attempts.start(false);
    await until(() => attempts.view.open === undefined, 'its end');
    await expect(attempts.submit(id, 'good#state')).rejects.toThrow(NoSuchLoginError);
    expect(attempts.view.news?.text).toContain('within ten minutes');
    await attempts.close();
    expect(readdirSync(path.join(stateDir, 'new-logins'))).toEqual([]);
  });

  it('a Mac, whose Keychain has the login, and runners without a login of the agent are refused', () => {
    const parts = { authMode: 'session', credential: { source: '/x', remedy: '' }, custody: undefined } as const;
    const problem = (onRunners: boolean, platform: NodeJS.Platform) =>
      loginTarget({ ...parts, onRunners, platform }).problem;
    expect(problem(false, 'darwin')).toContain('Keychain');
    expect(problem(true, 'linux')).toContain('AGENT_SESSION_DIR');
    expect(problem(false, 'linux')).toBeUndefined();
  });

  it.each([
    ['abc#def', 'abc#def'],
    [' ab\u200bc\n#d e\r\nf ', 'abc#def'],
    ['abc', 'abc'],
    ['https://platform.claude.com/oauth/code/callback?code=a%2Bc&state=def', 'a+c#def'],
    ['https://platform.claude.com/oauth/\ncode/callback?state=def&code=abc&x=1#top', 'abc#def'],
    [
      'https://platform.claude.com/oauth/code/callback?error=denied',
      'https://platform.claude.com/oauth/code/callback?error=denied',
    ],
  ])('the code in %j is %j', (pasted, code) => {
    expect(codeFrom(pasted)).toBe(code);
  });
});
