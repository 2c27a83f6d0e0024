import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import { startOauthProxy, type RefreshMode } from '../doubles/oauth-proxy/server.ts';
import { ask } from '../support/ask.ts';
import { Claude, CLAUDE, QUIET } from '../support/claude.ts';
import { makeHome, type Home } from '../support/home.ts';
import '../support/two-at-a-time.ts';

const FIRST = { accessToken: 'sk-ant-oat01-first', refreshToken: 'sk-ant-ort01-first' };
const ACCOUNT = '11111111-1111-4111-8111-111111111111';
const BLANKED = { accessToken: '', refreshToken: '', expiresAt: 0 };

/** One run with a login file, a refresh host in that mode, and an API that accepts the `accepted` tokens. */
async function runWith(refresh: RefreshMode, login: 'expired' | 'fresh', accepted: string[]) {
  await using home = await makeHome();
  await using api = await startAnthropicDouble({ accept: accepted });
  await using proxy = await startOauthProxy({
    mode: refresh,
    tokens: FIRST,
    onRotated: ({ accessToken }) => api.configure({ accept: [accessToken] }),
  });
  await home.logIn({ ...FIRST, ...(login === 'expired' && { expiresAt: Date.now() - 60_000 }) });
  const before = await home.login();
  const env = { ANTHROPIC_BASE_URL: api.url, ...proxy.env };
  const finished = await ask('hello', { home, env });
  const tokens = api.messages().map(({ credential }) => credential.value);
  return { ...finished, tokens, before, after: await home.login(), refreshes: proxy.refreshes, current: proxy.current };
}

describe.concurrent('a login that the refresh host renews', () => {
  it.each([
    ['expired', 0],
    ['fresh', 1],
  ] as const)('where it is %s and the API refuses it: the new pair replaces the file', async (login, refused) => {
    const { result, tokens, before, after, refreshes, current } = await runWith('rotate', login, []);
    expect(result).toMatchObject({ is_error: false, result: 'echo: hello' });
    expect(refreshes).toEqual([{ refreshToken: FIRST.refreshToken, outcome: 'rotated' }]);
    expect(tokens).toEqual([...Array<string>(refused).fill(FIRST.accessToken), current.accessToken]);
    expect(after.login).toMatchObject(current);
    expect(after.mode).toBe(0o600);
    expect(after.inode).not.toBe(before.inode);
  });
});

describe.concurrent('a login that the refresh host refuses', () => {
  it.each(['expired', 'fresh'] as const)('is emptied in the file if it was %s', async (login) => {
    const { error, result, after, code } = await runWith('revoked', login, []);
    expect(error.error).toBe('authentication_failed');
    expect(result.api_error_status ?? null).toBeNull();
    expect(after.login).toMatchObject(BLANKED);
    expect(code).toBe(1);
  });
});

describe.concurrent.for(['unreachable', 'failing'] as const)('a login while the refresh host is %s', (mode) => {
  it('is still used if the API accepts it', async () => {
    const { result, before, after } = await runWith(mode, 'expired', [FIRST.accessToken]);
    expect(result).toMatchObject({ is_error: false, result: 'echo: hello' });
    expect(after).toEqual(before);
  });

  it('looks like a failed login if the API refuses it, but the file still has its tokens', async () => {
    const { error, before, after } = await runWith(mode, 'fresh', []);
    expect(error).toMatchObject({ error: 'authentication_failed', api_error_status: 401 });
    expect(after).toEqual(before);
  });
});

describe.concurrent('a process that is waiting for its prompt', () => {
  it('reads the login again when the prompt arrives', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble();
    await home.logIn({ accessToken: 'sk-ant-oat01-before' });
    await using claude = new Claude({ home, env: { ANTHROPIC_BASE_URL: api.url } });
    claude.interrupt();
    await claude.event(({ type }) => type === 'control_response');
    await home.logIn({ accessToken: 'sk-ant-oat01-after' });
    claude.send('hello');
    await claude.result();
    expect(api.messages().map(({ credential }) => credential.value)).toEqual(['sk-ant-oat01-after']);
  });
});

describe.concurrent('the commands', () => {
  const run = promisify(execFile);
  const status = (home: Home) =>
    run(CLAUDE, ['auth', 'status'], { env: { PATH: process.env['PATH'], HOME: home.path, ...QUIET } });

  it('claude auth status reports whether a login exists, not whether it is valid', async () => {
    await using home = await makeHome();
    const none = { code: 1, stdout: expect.stringMatching('"loggedIn": false') as string };
    await expect(status(home)).rejects.toMatchObject(none);
    await home.logIn({ accessToken: 'nonsense', refreshToken: 'nonsense', expiresAt: 1 });
    const { stdout } = await status(home);
    expect(JSON.parse(stdout)).toMatchObject({ loggedIn: true, authMethod: 'claude.ai' });
  });

  it('claude login is a prompt; claude auth login logs in', async () => {
    await using home = await makeHome();
    await using api = await startAnthropicDouble();
    const own = { PATH: process.env['PATH'], HOME: home.path, ...QUIET };
    const env = { ...own, ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'sk-ant-api03-test' };
    const login = run(CLAUDE, ['login'], { env });
    login.child.stdin?.end();
    expect((await login).stdout).toBe('echo: login\n');
    expect((await run(CLAUDE, ['auth', '--help'], { env })).stdout).toMatch(/ login .* logout .* status /s);
  });

  it('claude auth login prints an address, asks again for an incomplete code, and exits with one that it exchanged', async () => {
    await using home = await makeHome();
    await using proxy = await startOauthProxy({ tokens: FIRST, codes: { good: ACCOUNT }, onRotated: () => undefined });
    const config = path.join(home.path, 'config');
    mkdirSync(config);
    const env = { PATH: process.env['PATH'], HOME: home.path, CLAUDE_CONFIG_DIR: config, BROWSER: 'true', ...QUIET };
    const login = async (lines: readonly string[]) => {
      const started = run(CLAUDE, ['auth', 'login'], { env: { ...env, ...proxy.env } });
      started.child.stdin?.write(lines.map((line) => `${line}\n`).join(''));
      return started.catch((error: unknown) => error as { code: number; stdout: string; stderr: string });
    };
    const done = await login(['good', 'good#state']);
    expect(done).toMatchObject({
      stdout: expect.stringMatching(/^https:\/\/\S+$/m) as string,
      stderr: expect.stringMatching(/^That doesn't look like the full code\./) as string,
    });
    expect(done).not.toHaveProperty('code');
    expect(statSync(path.join(config, '.credentials.json')).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path.join(config, '.credentials.json'), 'utf8'))).toMatchObject({
      claudeAiOauth: proxy.current,
    });
    const refused = await login(['good#state']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/That code wasn't accepted/) as string });
    proxy.setMode('unreachable');
    const failed = await login(['good#state']);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Couldn't log in: .+/) as string });
  });

  it('claude --version prints the version that package.json pins', async () => {
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
    const { stdout } = await run(CLAUDE, ['--version']);
    expect(stdout).toContain(manifest.dependencies['@anthropic-ai/claude-code']);
  });
});
