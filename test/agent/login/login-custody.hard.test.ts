import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { startOauthProxy, type OauthProxy } from '../../doubles/oauth-proxy/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

const HOUR = 3_600_000;
const FIRST = { accessToken: 'sk-ant-oat01-first', refreshToken: 'sk-ant-ort01-first' };
const PLANTED = { accessToken: 'sk-ant-oat01-planted', refreshToken: 'sk-ant-ort01-planted' };

let api: AnthropicDouble;
let proxy: OauthProxy;
let agent: Agent;

const at = (...parts: string[]) => path.join(agent.folder, ...parts);
const LIVING = 'state/claude/.credentials.json';
const text = (login: object) =>
  JSON.stringify({ claudeAiOauth: { scopes: ['user:inference', 'user:profile'], ...login } });
const seed = (login: object) => {
  mkdirSync(at('seed'), { recursive: true });
  writeFileSync(at('seed/.credentials.json'), text(login));
};
const inEightHours = () => Date.now() + 8 * HOUR;

/** An agent with a seed, and an API that accepts the tokens of `accept` and every renewed one. */
async function startWith(login: object, accept?: readonly string[]): Promise<void> {
  const accepted = new Set(accept);
  api = await startAnthropicDouble(accept && { accept: [...accepted] });
  proxy = await startOauthProxy({
    tokens: FIRST,
    onRotated: ({ accessToken }) => {
      if (accept) api.configure({ accept: [accessToken, PLANTED.accessToken] });
    },
  });
  const env = { ...REAL_CLAUDE, ANTHROPIC_BASE_URL: api.url, ...proxy.env };
  agent = new Agent({ env });
  seed(login);
  agent.env['AGENT_SESSION_DIR'] = at('seed');
  await agent.start();
}

/** Has a prompt overwrite the login. @param before commands of the prompt before that. */
async function plant(login: object, before = ''): Promise<void> {
  writeFileSync(at('evil.json'), text(login));
  const { success } = await agent.run(`[[bash:${before}cp ${at('evil.json')} ${at(LIVING)}]] plant`);
  expect(success).toBe(true);
}

/** The token that the next run uses. */
async function used(prompt = 'who answers?'): Promise<string> {
  expect(await agent.run(prompt)).toMatchObject({ success: true });
  return api.messages().at(-1)?.credential.value ?? '';
}

async function restart(signal: NodeJS.Signals): Promise<void> {
  await agent.end(signal);
  await agent.start();
}

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await proxy.close();
  await api.close();
});

describe('a login that a prompt wrote', () => {
  it.each([
    ['an impossible', 8e15],
    ['a plausible', Date.now() + 8 * HOUR],
  ])('with %s expiry is not used, not even after a restart, and a newer seed is adopted', async (_, expiresAt) => {
    await startWith({ ...FIRST, expiresAt: inEightHours() });
    await plant({ ...PLANTED, expiresAt });
    expect(await used()).toBe(FIRST.accessToken);
    await plant({ ...PLANTED, expiresAt });
    await restart('SIGTERM');
    expect(await used()).toBe(FIRST.accessToken);

    writeFileSync(at('evil.json'), text({ ...PLANTED, expiresAt }));
    const going = agent.run(`[[bash:cp ${at('evil.json')} ${at(LIVING)}; tail -f /dev/null]] plant`).catch(() => 'cut');
    await until(() => readFileSync(at(LIVING), 'utf8').includes(PLANTED.accessToken), 'it is planted');
    await agent.end('SIGKILL');
    await going;
    seed({ accessToken: 'sk-ant-oat01-second', refreshToken: 'sk-ant-ort01-second', expiresAt: inEightHours() });
    await agent.start();
    expect(await used()).toBe('sk-ant-oat01-second');
    expect(agent.lines.join('\n')).not.toContain('loginKept');
    expect(agent.lines.join('\n')).not.toMatch(/sk-ant-o[ar]t01/);
  });

  it.each<[what: string, command: (file: string) => string]>([
    ['nothing', (file) => `rm ${file}`],
    ['a named pipe', (file) => `rm ${file}; mkfifo ${file}`],
  ])('as %s is restored, and the agent responds meanwhile', async (_, command) => {
    await startWith({ ...FIRST, expiresAt: inEightHours() });
    // Without its login the run itself may fail.
    const spoilt = agent.run(`[[bash:${command(at(LIVING))}; touch ${at('spoilt')}]] spoil`, { timeout: 5000 });
    await until(() => existsSync(at('spoilt')));
    expect(await agent.health()).toMatchObject({ status: 'ok' });
    await spoilt;
    expect(await used()).toBe(FIRST.accessToken);
    expect(readFileSync(at(LIVING), 'utf8')).toContain(FIRST.refreshToken);
  });
});

describe('a login that claude renewed', () => {
  it.each([
    ['because it was about to expire', Date.now() + 60_000, undefined],
    ['because the API refused it', Date.now() + 8 * HOUR, ['nothing']],
  ])('%s stays, even if the same prompt overwrites it, and across restarts', async (_, expiresAt, accept) => {
    await startWith({ ...FIRST, expiresAt }, accept);
    // The agent looks at the file when it changes: on a busy machine not before the next command of the same prompt.
    await plant({ ...PLANTED, expiresAt: inEightHours() }, 'sleep 1; ');
    const renewed = proxy.current.accessToken;
    expect(renewed).not.toBe(FIRST.accessToken);
    expect(await used()).toBe(renewed);
    await restart('SIGKILL');
    expect(await used()).toBe(renewed);
    expect(proxy.refreshes).toHaveLength(1);
  });

  it('for someone who uses claude outside the agent stays', async () => {
    await startWith({ ...FIRST, expiresAt: inEightHours() });
    expect(await used()).toBe(FIRST.accessToken);
    await until(() => agent.isIdle(), 'no process of the run is left');
    const beside = { accessToken: 'sk-ant-oat01-beside', refreshToken: 'sk-ant-ort01-beside' };
    writeFileSync(at(LIVING), text({ ...beside, expiresAt: inEightHours() }));
    expect(await used()).toBe(beside.accessToken);
    await restart('SIGKILL');
    expect(await used()).toBe(beside.accessToken);
  });
});
