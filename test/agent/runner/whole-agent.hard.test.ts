import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PROCESS_FOLDERS, SESSION_FOLDER } from '../../../agent/contract.ts';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { rawPublicKey } from '../../../agent/runner/key.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { startOauthProxy } from '../../doubles/oauth-proxy/server.ts';
import { Agent, until } from '../../support/agent.ts';
import { AS_ROOT, CLAUDE } from '../../support/claude.ts';
import { closedPort } from '../../support/closed-port.ts';
import { needs, unless } from '../../support/needs.ts';
import { NO_CONTAINER, RunnerProgram } from '../../support/runner.ts';

const KEY = 'sk-ant-api03-the-agents-own';
const FIRST = { accessToken: 'sk-ant-oat01-first', refreshToken: 'sk-ant-ort01-first' };
const ACCOUNT = '11111111-1111-4111-8111-111111111111';
const OTHER_ACCOUNT = '22222222-2222-4222-8222-222222222222';
const HOUR = 3_600_000;
const MCP_DOUBLE = path.join(import.meta.dirname, '../../doubles/mcp/main.ts');

function logIn(seed: string, more: object = {}): void {
  const scopes = ['user:inference', 'user:profile'];
  const claudeAiOauth = { ...FIRST, expiresAt: Date.now() + HOUR, scopes, ...more };
  writeFileSync(path.join(seed, '.credentials.json'), JSON.stringify({ claudeAiOauth }));
}

/** By what the API knows an installation and its account. */
function deviceOf(body: unknown): { device_id: string; account_uuid: string } {
  const { metadata } = body as { metadata: { user_id: string } };
  const { device_id, account_uuid } = JSON.parse(metadata.user_id) as { device_id: string; account_uuid: string };
  return { device_id, account_uuid };
}

describe('an agent with a runner', needs(unless(NO_CONTAINER === undefined, NO_CONTAINER ?? '')), () => {
  const { privateKey }: { privateKey: KeyObject } = generateKeyPairSync('ed25519');
  let api: AnthropicDouble;
  let runner: RunnerProgram;
  let agent: Agent;

  const startRunner = async (port = 0, env: Readonly<Record<string, string>> = {}) =>
    RunnerProgram.start({
      env: {
        ...env,
        RUNNER_PUBLIC_KEY: rawPublicKey(privateKey),
        RUNNER_PORT: String(port),
        // The gateway is called without it.
        HTTPS_PROXY: await closedPort(),
        ...AS_ROOT,
      },
    });
  const startAgent = async (env: Readonly<Record<string, string>>) => {
    const { port } = new URL(await closedPort());
    Object.assign(agent.env, {
      AGENT_RUNNERS: `http://127.0.0.1:${runner.address.port}`,
      AGENT_GATEWAY_PORT: port,
      AGENT_GATEWAY_URL: `http://127.0.0.1:${port}`,
      AGENT_RUNNER_KEY_FILE: path.join(agent.folder, 'runner-key.pem'),
      ...env,
    });
    await agent.start();
  };
  const metric = async (name: string) => {
    const text = await (await agent.fetch('/metrics')).text();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1),
    );
  };
  const slots = async (count: number) => until(async () => (await agent.health()).slots === count, `${count} slots`);

  beforeEach(async () => {
    api = await startAnthropicDouble();
    runner = await startRunner();
    agent = new Agent({ env: { AGENT_CLAUDE_PATH: undefined, ANTHROPIC_BASE_URL: api.url, ...AS_ROOT } });
    writeFileSync(path.join(agent.folder, 'runner-key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  });
  afterEach(async () => {
    await agent[Symbol.asyncDispose]();
    await runner[Symbol.asyncDispose]();
    await api.close();
  });

  describe('and an API key', () => {
    const KEYED = { AGENT_AUTH_MODE: 'apiKey', ANTHROPIC_API_KEY: KEY };

    it('runs prompts on it with a credential that they do not see, and continues their conversation', async () => {
      await startAgent(KEYED);
      const first = await agent.run('[[bash:env; pwd; ls -A]] remember the heron');
      expect(first).toMatchObject({ success: true });
      expect(first.output).toContain(`HOME=${runner.path('home')}`);
      expect(first.output).not.toContain(KEY);
      expect(api.messages().at(-1)?.credential).toEqual({ scheme: 'api-key', value: KEY });

      const elsewhere = await agent.post({ prompt: 'x', workdir: path.join(agent.workspaceDir, 'mine') });
      expect(elsewhere.status).toBe(400);
      expect(JSON.stringify(await elsewhere.json())).toContain('must be left out');

      const second = await agent.run('which bird', { sessionId: first.sessionId });
      expect(second).toMatchObject({ success: true, sessionId: first.sessionId });
      expect(JSON.stringify(api.messages().at(-1)?.body)).toContain('remember the heron');
      expect(new Set(api.messages().map(({ body }) => deviceOf(body).device_id)).size).toBe(1);
    });

    it('gives them files and gets those that they leave, with nothing of them for the next', async () => {
      await startAgent(KEYED);
      const large = 'x'.repeat(3_000_000);
      const upload = await agent.fetch('/files?name=large.txt', { method: 'PUT', body: large });
      const copy = '[[bash:cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"; ln -s /etc/passwd "$CLAUDE_RUN_OUT/link"]] copy';
      const answer = await agent.run(copy, {
        files: [await upload.json(), { name: 'small.txt', base64: btoa('small') }],
      });
      expect(answer).toMatchObject({
        success: true,
        files: [
          { name: 'large.txt', bytes: large.length },
          { name: 'small.txt', bytes: 5 },
        ],
        warnings: ['The file "link" that the run left was not kept: it is a link.'],
      });
      expect(await (await agent.fetch(`/runs/${answer.runId}/files/large.txt`)).text()).toBe(large);
      const next = await agent.run('[[bash:find "$CLAUDE_RUN_IN" "$CLAUDE_RUN_OUT" -type f | wc -l]] look');
      expect(next).toMatchObject({ success: true, output: 'tool: 0' });

      const note = { name: 'note.txt', base64: btoa('the word is avocet') };
      const read = JSON.stringify({ file_path: path.join(runner.path('home'), 'run/in/note.txt') });
      for (const permissionMode of ['default', 'plan', 'acceptEdits', 'dontAsk']) {
        const answer = await agent.run(`[[tool:Read ${read}]] Read it.`, { files: [note], permissionMode });
        expect(answer, permissionMode).toMatchObject({ success: true, permissionDenials: [] });
        expect(answer.output).toContain('the word is avocet');
      }
    });

    it('has a person decide what they may do, and allows nothing when it is lost', async () => {
      await startAgent(KEYED);
      const id = await agent.submit('[[bash:true]] [[bash:touch here]] x', { approve: ['Bash'] });
      const asked = async (count: number) => {
        const read = async () => (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
        await until(async () => (await read()).decisions?.length === count, `${count} decision(s)`);
        return (await read()).decisions?.at(-1)?.id ?? '';
      };
      const decide = async (count: number, allow: boolean) => {
        const headers = { 'Content-Type': 'application/json' };
        const route = `/runs/${id}/decisions/${await asked(count)}`;
        expect((await agent.fetch(route, { method: 'POST', headers, body: JSON.stringify({ allow }) })).status).toBe(
          200,
        );
      };
      await decide(1, true);
      await asked(2);
      await runner[Symbol.asyncDispose]();
      await until(async () => {
        const { state } = (await (await agent.fetch(`/runs/${id}`)).json()) as RunResource;
        return state === 'ended';
      }, 'the end of the run');
      expect(await (await agent.fetch(`/runs/${id}`)).json()).toMatchObject({
        outcome: 'interrupted',
        decisions: [
          { by: 'operator', allowed: true },
          { by: 'end of the run', allowed: false },
        ],
      });
    });

    it('gives it the settings and MCP servers of the agent, also from files of the same name', async () => {
      const double = { command: process.execPath, args: [MCP_DOUBLE], env: { WORD: 'from the runner' } };
      const files = { mcp: { mcpServers: { double } }, settings: { env: { GIVEN: 'by-the-settings' } } };
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(path.join(agent.folder, name));
        writeFileSync(path.join(agent.folder, name, 'config.json'), JSON.stringify(content));
      }
      await startAgent({
        ...KEYED,
        AGENT_MCP_CONFIG: path.join(agent.folder, 'mcp/config.json'),
        AGENT_CLAUDE_SETTINGS: path.join(agent.folder, 'settings/config.json'),
      });
      expect(await agent.run('[[bash:echo $GIVEN; cat ~/.claude/settings.json]] x')).toMatchObject({
        success: true,
        output: 'tool: by-the-settings\n{"skipWebFetchPreflight":true}',
      });
      const called = await agent.run(`[[tool:mcp__double__repeat {"text":"started"}]] x`);
      expect(called).toMatchObject({ success: true, output: 'tool: started from the runner' });
    });

    it('works in the folders of a workspace that is kept there', async () => {
      await runner[Symbol.asyncDispose]();
      runner = await startRunner(0, { RUNNER_KEEP_WORKSPACE: 'true' });
      await startAgent({ ...KEYED, AGENT_WORKSPACE_LIFETIME: 'keep' });
      expect(await agent.run('[[bash:mkdir mine; echo kept > mine/file; touch no-folder]] x')).toMatchObject({
        success: true,
      });
      const inFolder = (name: string) =>
        agent.run('[[bash:pwd; cat file]] x', { workdir: `${agent.workspaceDir}/${name}` });
      expect(await inFolder('mine')).toMatchObject({
        output: `tool: ${runner.path('workspace')}/mine\nkept`,
      });
      expect((await inFolder('other')).error).toContain(`${runner.path('workspace')}/other cannot be used (ENOENT)`);
      expect((await inFolder('no-folder')).error).toContain('no-folder is no folder');
      const outside = await agent.post({ prompt: 'x', workdir: '/etc' });
      expect(JSON.stringify(await outside.json())).toContain('must be an absolute path inside the workspace');
    });

    it('prepares a process on it, which makes room for a run with other options', async () => {
      await startAgent(KEYED);
      await until(async () => (await metric('claude_agent_warm_processes')) === 1, 'a warm process');
      expect(await agent.run('x', { model: 'opus' })).toMatchObject({ success: true });
      await until(async () => (await metric('claude_agent_warm_processes')) === 1, 'a warm process');
      expect(await agent.run('x')).toMatchObject({ success: true });
      expect(await metric('claude_agent_warm_starts_total{result="hit"}')).toBe(1);
      expect(await metric('claude_agent_warm_starts_total{result="miss"}')).toBe(1);
    });

    it('has room for a login check although the process of a run that waits is on the only runner', async () => {
      await startAgent(KEYED);
      await slots(1);
      const held = await agent.submit('[[bash:sleep 60]] x');
      await until(() => api.messages().length > 0, 'the run is at work');
      const waiting = agent.run('waits', { model: 'opus' });
      await until(async () => (await agent.health()).queued === 1);
      await agent.fetch('/pause', { method: 'POST' });
      await agent.fetch(`/runs/${held}`, { method: 'DELETE' });
      await until(async () => (await metric('claude_agent_warm_processes')) === 1, 'a warm process');
      expect(await (await agent.fetch('/auth/check', { method: 'POST' })).json()).toMatchObject({
        state: 'ok',
        evidence: 'probe',
      });
      await agent.fetch('/resume', { method: 'POST' });
      expect(await waiting).toMatchObject({ success: true });
    });

    it('knows the quota from the gateway, and holds the queue at the limit', async () => {
      await startAgent({
        AGENT_AUTH_MODE: 'oauthToken',
        CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-own',
        AGENT_MODEL: 'sonnet',
      });
      await slots(1);
      const { resetsAt } = await agent.run('[[fail:usage_limit]] limited');
      expect(await agent.health()).toMatchObject({
        hold: { reason: 'usage_limit', until: resetsAt },
        quota: [{ window: 'five_hour', utilization: 1, status: 'rejected', resetsAt }],
      });
    });

    it('checks the login without a runner, by the same way to the API', async () => {
      await runner[Symbol.asyncDispose]();
      await startAgent({ ...KEYED, AGENT_MODEL: 'sonnet' });
      expect(await (await agent.fetch('/ready')).json()).toMatchObject({
        notice: expect.stringContaining('No runner') as string,
      });
      expect(await (await agent.fetch('/auth/check', { method: 'POST' })).json()).toMatchObject({
        state: 'ok',
        evidence: 'probe',
      });
      const [message] = api.messages();
      expect(message?.credential).toEqual({ scheme: 'api-key', value: KEY });
      expect(message?.body).toMatchObject({ model: expect.stringContaining('sonnet') as string });
      expect(readdirSync(path.join(agent.stateDir, PROCESS_FOLDERS))).toEqual([]);
    });

    it('interrupts the run of a runner that is lost, keeps the others waiting, and goes on with the next runner', async () => {
      await startAgent(KEYED);
      await slots(1);
      const lost = agent.run('[[bash:sleep 60]] x');
      await until(() => api.messages().length > 0, 'the run is at work');
      const waiting = agent.run('waits');
      const { port } = runner.address;
      await runner[Symbol.asyncDispose]();
      const counted = { inputTokens: expect.any(Number) as number, outputTokens: expect.any(Number) as number };
      expect(await lost).toMatchObject({ outcome: 'interrupted', usage: counted });
      await slots(0);
      expect(await (await agent.fetch('/ready')).json()).toMatchObject({
        status: 'ready',
        notice: expect.stringContaining('No runner') as string,
      });
      runner = await startRunner(port);
      expect(await waiting).toMatchObject({ success: true });
    });
  });

  it('and a login sends the same as the CLI with that login, and gives the rest of the session to runs', async () => {
    const canary = (name: string) => `canary of ${name}`;
    const session = {
      'CLAUDE.md': canary('CLAUDE.md'),
      'settings.json': JSON.stringify({
        env: { CANARY: canary('settings.json') },
        hooks: { SessionStart: [{ hooks: [{ type: 'command', command: 'touch "$HOME/hook"' }] }] },
      }),
      'skills/one/SKILL.md': `---\nname: one\ndescription: ${canary('skills')}\n---\n`,
      'agents/two.md': `---\nname: two\ndescription: ${canary('agents')}\n---\n`,
      'commands/three.md': canary('commands'),
    };
    const seed = path.join(agent.folder, 'seed');
    for (const [name, content] of Object.entries(session)) {
      mkdirSync(path.dirname(path.join(seed, name)), { recursive: true });
      writeFileSync(path.join(seed, name), content);
    }
    logIn(seed, { subscriptionType: 'max' });
    await using proxy = await startOauthProxy({ tokens: FIRST, accountUuid: ACCOUNT });
    await startAgent({ AGENT_SESSION_DIR: seed, ...proxy.env });
    const look = 'cd; find . -type f; grep -rhoE "canary of [a-zA-Z.]+|sk-ant-[a-z0-9-]+" . | sort -u; env';
    const { output } = await agent.run(`[[bash:${look}]] x`);
    const said = output.split('\n');
    for (const name of Object.keys(session)) expect(said).toContain(`./.claude/${name}`);
    for (const name of ['CLAUDE.md', 'settings.json', 'skills', 'agents', 'commands'])
      expect(said).toContain(canary(name));
    expect(said).toContain(`CANARY=${canary('settings.json')}`);
    expect(output).not.toContain('.credentials.json');
    for (const secret of Object.values(FIRST)) expect(output).not.toContain(secret);
    expect(agent.lines.join('\n')).not.toContain('did not name');
    // Hooks run where runs do.
    expect(output).toContain('./hook\n');
    expect(existsSync(path.join(agent.folder, 'home/hook'))).toBe(false);

    await agent.end('SIGTERM');
    proxy.setMode('unreachable');
    await agent.start();
    expect(await agent.run('again')).toMatchObject({ success: true });
    const { exitCode, stdout } = await execa('sh', ['agent/claude-wrapper.sh', '-p', 'test'], {
      env: { ...agent.environment, AGENT_CLAUDE_PATH: CLAUDE, AGENT_STATE_DIR: agent.stateDir },
      extendEnv: false,
      stdin: 'ignore',
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'echo: test' });

    const sent = api.messages().map(({ model, body, credential }) => ({ model, ...deviceOf(body), ...credential }));
    expect(sent.length).toBeGreaterThanOrEqual(4);
    for (const each of sent.slice(0, -1)) expect({ ...each, account_uuid: ACCOUNT }).toEqual(sent[0]);
    expect(sent[0]).toMatchObject({
      model: expect.stringContaining('opus') as string,
      account_uuid: ACCOUNT,
      scheme: 'bearer',
      value: FIRST.accessToken,
    });
    const { account_uuid: _, ...same } = sent[0] ?? {};
    expect(sent.at(-1)).toMatchObject(same);
  });

  it('and a login keeps it, renews it while a run goes on, and uses a new one of another account', async () => {
    const seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    logIn(seed);
    const renewed: string[] = [];
    await using proxy = await startOauthProxy({
      tokens: FIRST,
      accountUuid: ACCOUNT,
      codes: { code: OTHER_ACCOUNT },
      onRotated: ({ accessToken }) => {
        renewed.push(accessToken);
        api.configure({ accept: [accessToken] });
      },
    });
    api.configure({ accept: ['sk-ant-oat01-none'] });
    await startAgent({ AGENT_SESSION_DIR: seed, ...proxy.env });
    const answer = await agent.run('[[bash:env; cat ~/.claude/.credentials.json; ls -A ~ ~/.claude]] x');
    expect(answer).toMatchObject({ success: true });
    expect(renewed).toHaveLength(1);
    for (const secret of [...Object.values(FIRST), ...renewed]) expect(answer.output).not.toContain(secret);
    expect(readFileSync(path.join(agent.stateDir, SESSION_FOLDER, '.credentials.json'), 'utf8')).toContain(renewed[0]);

    // Nobody can say whether a login that could not be renewed is still valid.
    proxy.setMode('unreachable');
    api.configure({ accept: ['sk-ant-oat01-none'] });
    const unavailable = await agent.run('x');
    expect(unavailable).toMatchObject({ success: false, outcome: 'unavailable' });
    expect(unavailable.error).toContain('The login itself may still be valid');

    proxy.setMode('rotate');
    const post = async (route: string, body: object) => {
      const headers = { 'Content-Type': 'application/json' };
      return (await agent.fetch(route, { method: 'POST', headers, body: JSON.stringify(body) })).json();
    };
    const { id } = (await post('/auth/login', {})) as { id: string };
    expect(await post(`/auth/login/${id}`, { code: 'code#state' })).toMatchObject({ state: 'ok' });
    expect(await agent.run('after the login')).toMatchObject({ success: true });
    const last = api.messages().at(-1);
    expect(last?.credential.value).toBe(proxy.current.accessToken);
    expect(deviceOf(last?.body)).toEqual({ ...deviceOf(api.messages()[0]?.body), account_uuid: OTHER_ACCOUNT });
  });
});
