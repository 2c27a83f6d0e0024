import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../agent/contract.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { startOauthProxy, type OauthProxy, type RefreshMode } from '../../doubles/oauth-proxy/server.ts';
import { Agent, isAlive, until } from '../../support/agent.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';

const FIRST = { accessToken: 'sk-ant-oat01-first', refreshToken: 'sk-ant-ort01-first' };
const IN_EIGHT_HOURS = Date.now() + 8 * 3_600_000;

/** The agent with the pinned CLI and the double of the API. Its session is copied from a seed. */
function realAgent(api: AnthropicDouble, env: Record<string, string> = {}): Agent {
  return new Agent({ env: { ...REAL_CLAUDE, ANTHROPIC_BASE_URL: api.url, ...env } });
}

function writeSeed(agent: Agent, login: object): string {
  const seed = path.join(agent.folder, 'seed');
  mkdirSync(seed, { recursive: true });
  writeFileSync(
    path.join(seed, '.credentials.json'),
    JSON.stringify({ claudeAiOauth: { expiresAt: IN_EIGHT_HOURS, scopes: ['user:inference'], ...login } }),
  );
  return seed;
}

describe('the agent with the real CLI', () => {
  let api: AnthropicDouble;
  let agent: Agent;
  beforeAll(async () => {
    api = await startAnthropicDouble();
    agent = realAgent(api, { AGENT_ON_USAGE_LIMIT: 'fail' });
    const home = path.join(agent.folder, 'home/.claude');
    mkdirSync(home);
    const login = { ...FIRST, expiresAt: IN_EIGHT_HOURS, scopes: ['user:inference'] };
    writeFileSync(path.join(home, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
    await agent.start();
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await api.close();
  });

  it("answers a prompt with the operator's own session", async () => {
    expect(await agent.run('hello')).toMatchObject({ success: true, output: 'echo: hello', exitCode: 0 });
    expect(await agent.health()).toMatchObject({
      auth: { mode: 'session', state: 'ok', source: path.join(agent.folder, 'home/.claude/.credentials.json') },
    });
  });

  it('continues a conversation that a warm process started', async () => {
    await using agent = realAgent(api, {
      AGENT_WARM_START: 'on',
      AGENT_AUTH_MODE: 'apiKey',
      ANTHROPIC_API_KEY: 'sk-ant',
    });
    await agent.start();
    const metric = async (name: string) => {
      const line = (await (await agent.fetch('/metrics')).text()).split('\n').find((each) => each.startsWith(name));
      return Number(line?.slice(name.length));
    };
    await until(async () => (await metric('claude_agent_warm_process_resident_memory_bytes')) > 0, 'a warm process');
    const { sessionId } = await agent.run('remember the word lighthouse');
    expect(await metric('claude_agent_warm_starts_total{result="hit"}')).toBe(1);
    expect(await agent.run('go on', { sessionId })).toMatchObject({ success: true, sessionId });
    expect(JSON.stringify(api.messages().at(-1)?.body)).toContain('lighthouse');
  });

  it('reports for each run of a conversation only what that run spent', async () => {
    const { sessionId, ...first } = await agent.run('count this');
    const later = [];
    for (let i = 0; i < 3; i += 1) later.push(await agent.run('count this', { sessionId }));
    expect(first.costUsd).toBeGreaterThan(0);
    for (const { costUsd, usage } of later) {
      expect(costUsd).toBeCloseTo(first.costUsd ?? 0, 10);
      expect(usage).toEqual(first.usage);
    }
  });

  it('waits for a sub-agent and counts its tokens', async () => {
    const plain = await agent.run('count this');
    const task = {
      description: 'd',
      prompt: '[[bash:sleep 1; echo done-$((40+2))]] sub',
      subagent_type: 'general-purpose',
    };
    const input = JSON.stringify(task).replaceAll('[', '\\u005b').replaceAll(']', '\\u005d');
    const answer = await agent.run(`[[tool:Agent ${input}]] delegate`);
    expect(answer).toMatchObject({ success: true });
    expect(answer.output).toContain('done-42');
    const told = api.messages().filter(({ prompt }) => /sub$|delegate$/.test(prompt));
    expect(told.length).toBeGreaterThan(2);
    expect(answer.usage?.outputTokens).toBeGreaterThan((plain.usage?.outputTokens ?? 0) * 2);
  });

  it('lets Claude use Bash in the workspace', async () => {
    const answer = await agent.run('[[bash:pwd]] where');
    expect(answer).toMatchObject({ success: true, permissionDenials: [] });
    expect(answer.output).toContain(agent.workspaceDir);
  });

  it.each<[prompt: string, outcome: Outcome]>([
    ['[[fail:token_revoked]]', 'auth_failed'],
    ['[[fail:org_not_allowed]]', 'auth_failed'],
    ['[[fail:credit_too_low]]', 'auth_failed'],
    ['[[fail:rate_limit]]', 'unavailable'],
    ['[[fail:usage_limit]]', 'usage_limited'],
    ['[[fail:overloaded]]', 'unavailable'],
    ['[[fail:server_error]]', 'unavailable'],
    ['[[fail:busy]]', 'unavailable'],
    ['[[cut:0]]', 'unavailable'],
    ['[[empty]]', 'failed'],
    ['/clear', 'failed'],
    ['[[slow:500]] one two three four five six seven eight nine ten', 'timed_out'],
    ['[[hang]]', 'timed_out'],
  ])('reports the outcome of "%s"', async (prompt, outcome) => {
    // What the CLI tries again need not come to its end.
    const goesOn = ['unavailable', 'timed_out'].includes(outcome);
    const answer = await agent.run(prompt, { timeout: goesOn ? 3900 : 60_000 });
    expect(answer).toMatchObject({ outcome, success: false });
    // After three in a row the queue would wait.
    if (outcome === 'unavailable') await agent.run('hello');
    if (prompt.startsWith('[[slow')) expect(answer.output).toMatch(/^echo: one/);
  });

  it('ends the Bash tool of a run that timed out, although it has its own session', async () => {
    const file = path.join(agent.folder, 'pids');
    const command = `(setsid tail -f /dev/null & echo $! > ${file}; echo $$ >> ${file}; tail -f /dev/null)`;
    expect(await agent.run(`[[bash:${command}]] x`, { timeout: 8000 })).toMatchObject({ outcome: 'timed_out' });
    const pids = readFileSync(file, 'utf8').trim().split('\n').map(Number);
    expect(pids).toHaveLength(2);
    await until(() => pids.every((pid) => !isAlive(pid)), 'both ended');
  });

  it.each([
    ['succeeded', '', 'succeeded'],
    ['timed out', '; tail -f /dev/null', 'timed_out'],
  ] as const)('ends processes without an environment after a run that %s', async (_, end, outcome) => {
    const file = path.join(agent.folder, `without-environment-${outcome}`);
    const command = `env -i setsid sh -c 'echo $$ > ${file}; exec tail -f /dev/null' >/dev/null 2>&1 &`;
    const wait = `until [ -s ${file} ]; do sleep 0.1; done`;
    const answer = await agent.run(`[[bash:(${command}) ; ${wait}${end}]] x`, { timeout: 6000 });
    expect(answer).toMatchObject({ outcome });
    const pid = Number(readFileSync(file, 'utf8'));
    await until(() => !isAlive(pid), 'it ended');
  });

  it('ends the background processes of a run that succeeded', async () => {
    const file = path.join(agent.folder, 'left');
    await agent.run(`[[bash:setsid tail -f /dev/null >/dev/null 2>&1 & echo $! > ${file}]] x`);
    const pid = Number(readFileSync(file, 'utf8'));
    await until(() => !isAlive(pid), 'it ended');
  });

  it('returns denied tool calls although the run succeeds', async () => {
    await agent.end('SIGTERM');
    agent.env['AGENT_PERMISSION_MODE'] = 'dontAsk';
    await agent.start();
    const answer = await agent.run('[[bash:touch denied]] x');
    expect(answer).toMatchObject({ success: true, permissionDenials: [{ toolName: 'Bash' }] });
  });
});

describe('custody of the session', () => {
  let api: AnthropicDouble;
  let proxy: OauthProxy;
  let agent: Agent;

  async function startWith(mode: RefreshMode, login: object, takesRenewed = true): Promise<void> {
    api = await startAnthropicDouble({ accept: [] });
    proxy = await startOauthProxy({
      mode,
      tokens: FIRST,
      onRotated: ({ accessToken }) => takesRenewed && api.configure({ accept: [accessToken] }),
    });
    agent = realAgent(api, proxy.env);
    agent.env['AGENT_SESSION_DIR'] = writeSeed(agent, login);
    await agent.start();
  }
  const check = async () => {
    const response = await agent.fetch('/auth/check', { method: 'POST' });
    return (await response.json()) as { state: string; evidence: string };
  };

  afterEach(async () => {
    await agent[Symbol.asyncDispose]();
    await proxy.close();
    await api.close();
  });

  it('keeps a refreshed login across restarts although the seed is older, and adopts a new seed once', async () => {
    await startWith('rotate', { ...FIRST, expiresAt: Date.now() - 60_000 });
    expect(await agent.run('hello')).toMatchObject({ success: true });
    await agent.crash();
    expect(await agent.run('hello again')).toMatchObject({ success: true });
    expect(proxy.refreshes).toEqual([{ refreshToken: FIRST.refreshToken, outcome: 'rotated' }]);

    api.configure({ accept: ['sk-ant-oat01-new'] });
    writeSeed(agent, { accessToken: 'sk-ant-oat01-new', refreshToken: 'r', expiresAt: Date.now() + 9 * 3_600_000 });
    await agent.crash();
    expect(await agent.run('with the new login')).toMatchObject({ success: true });
    expect(proxy.refreshes).toHaveLength(1);
  });

  it('distinguishes a revoked login from one that could not be refreshed', async () => {
    await startWith('unreachable', FIRST);
    expect(await check()).toMatchObject({ state: 'outage', evidence: 'probe' });
    proxy.setMode('revoked');
    expect(await check()).toMatchObject({ state: 'auth_failed', evidence: 'probe' });
    expect(await check()).toMatchObject({ state: 'auth_failed', evidence: 'none' });
    expect((await agent.health()).auth).toMatchObject({ state: 'auth_failed' });
  });

  const told = async () => {
    const answer = await agent.run('hello');
    return { answer, health: (await agent.health()).auth, checked: await check() };
  };

  it('that was renewed during a run and is refused nevertheless is a failed login, in the words of the run', async () => {
    await startWith('rotate', FIRST, false);
    const { answer, health, checked } = await told();
    expect(proxy.refreshes.length).toBeGreaterThan(0);
    expect(answer).toMatchObject({ success: false, outcome: 'auth_failed', exitCode: 57 });
    expect(health).toMatchObject({ state: 'auth_failed' });
    expect(checked).toMatchObject({ state: 'auth_failed' });
  });

  it.each(['unreachable', 'failing'] as const)(
    'that could not be renewed because the renewal server is %s is an outage, in the words of the run',
    async (mode) => {
      await startWith(mode, FIRST);
      const { answer, health, checked } = await told();
      expect(answer).toMatchObject({ success: false, outcome: 'unavailable', exitCode: 69 });
      expect(answer.error).toContain('The login itself may still be valid');
      expect(health).toMatchObject({ state: 'outage' });
      expect(checked).toMatchObject({ state: 'outage', cause: 'not_renewed' });
    },
  );

  it('counts a recent successful run as a check, and sends no prompt', async () => {
    await startWith('rotate', FIRST);
    await agent.run('hello');
    const asked = api.messages().length;
    expect(await check()).toMatchObject({ state: 'ok', evidence: 'recent-run' });
    expect(api.messages()).toHaveLength(asked);
  });
});

describe('a credential that is not a session', () => {
  it.each([
    ['oauthToken', 'sk-ant-oat01-long', 'bearer'],
    ['apiKey', 'sk-ant-api03-key', 'api-key'],
  ] as const)('of mode %s comes from its file and never appears', async (mode, value, scheme) => {
    await using api = await startAnthropicDouble({ accept: [value] });
    await using agent = realAgent(api, { AGENT_AUTH_MODE: mode });
    const file = path.join(agent.folder, 'token');
    writeFileSync(file, `${value}\n`);
    agent.env['AGENT_CREDENTIAL_FILE'] = file;
    await agent.start();
    expect(await agent.run('hello')).toMatchObject({ success: true });
    expect(api.messages().at(-1)?.credential).toEqual({ scheme, value });
    const health = await agent.health();
    expect(health.auth).toMatchObject({ mode, source: file, state: 'ok' });
    expect(JSON.stringify(health) + agent.lines.join('')).not.toContain(value);
  });
});
