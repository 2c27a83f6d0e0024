import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent, TOKEN, until } from '../support/agent.ts';
import { needs, unless } from '../support/needs.ts';

const run = promisify(execFile);
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let agent: Agent;
beforeEach(() => (agent = new Agent()));
afterEach(() => agent[Symbol.asyncDispose]());

describe('the start', () => {
  it('without a token generates one, prints its location and a command that works when pasted', async () => {
    agent = await Agent.start({ env: { AGENT_TOKEN: undefined } });
    const file = path.join(agent.stateDir, 'agent-token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = readFileSync(file, 'utf8').trim();
    expect(token).toMatch(/^[\w-]{43}$/);
    await until(() => agent.lines.some((line) => line.includes('curl')));
    expect(agent.lines.join('\n')).toContain(file);
    expect(agent.lines.join('\n')).not.toContain(token);
    const line = agent.lines.find((text) => text.includes('curl')) ?? '';
    const { stdout } = await run('bash', ['-c', line.slice(line.indexOf('curl'))]);
    expect(JSON.parse(stdout)).toMatchObject({ success: true, output: 'echo: Say hello' });

    await agent.crash();
    expect(readFileSync(file, 'utf8').trim()).toBe(token);
  });

  it('with the hash of a token accepts the token, and logs nothing but JSON', async () => {
    const hash = sha256(TOKEN);
    agent = await Agent.start({ env: { AGENT_TOKEN: undefined, AGENT_TOKEN_SHA256: hash } });
    expect((await agent.run('x')).success).toBe(true);
    expect(existsSync(path.join(agent.stateDir, 'agent-token'))).toBe(false);
    expect(agent.lines.every((line) => line.startsWith('{'))).toBe(true);
  });

  it("allows nothing but the login check with the watchdog's token", async () => {
    const hash = sha256('watch');
    agent = await Agent.start({ env: { AGENT_WATCHDOG_TOKEN_SHA256: hash } });
    const headers = { Authorization: 'Bearer watch' };
    expect((await agent.post({ prompt: 'x' }, { headers })).status).toBe(401);
    expect((await agent.fetch('/auth/check', { method: 'POST', headers })).status).toBe(200);
  });

  it('with invalid settings exits at once and lists them all', async () => {
    agent.env['AGENT_PORT'] = 'x';
    agent.env['AGENT_QUEUE_LIMIT'] = 'many';
    await expect(agent.start()).rejects.toThrow(/exit code 2.*AGENT_PORT.*AGENT_QUEUE_LIMIT/s);
  });

  it.each([
    ['AGENT_STATE_DIR', '/dev/null', 'it exists but is not a folder'],
    ['AGENT_STATE_DIR', '/dev/null/state', 'ENOTDIR'],
    ['AGENT_WORKSPACE_DIR', '/etc/passwd', 'it exists but is not a folder'],
    ['HOME', '/dev/null', 'it exists but is not a folder'],
  ])('with %s=%s names the setting and what is wrong', async (name, folder, problem) => {
    Object.assign(agent.env, { AGENT_LOG_LEVEL: 'error', [name]: folder });
    await expect(agent.start()).rejects.toThrow(
      `exit code 2: The agent cannot start. Invalid settings (1):\n  - ${name} is "${folder}"; it must be an existing folder, or one that can be created (${problem}`,
    );
    expect(agent.lines.join('\n')).not.toMatch(/^ +at /m);
  });

  it.each(['AGENT_STATE_DIR', 'AGENT_WORKSPACE_DIR', 'HOME'])(
    'does not try for ever to create a folder for %s where that is impossible',
    needs(unless(existsSync('/proc/self'), 'There is no /proc.')),
    async (name) => {
      agent.env[name] = '/proc/x/y';
      await expect(agent.start()).rejects.toThrow(/exit code 2: .*\/proc\/x\/y.*ENOENT/s);
    },
  );

  it('creates missing folders, readable by their owner only', async () => {
    const stateDir = path.join(agent.folder, 'a/b/state');
    agent.env['AGENT_STATE_DIR'] = stateDir;
    await agent.start();
    expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['agent-token', /agent-token, which holds the API token, cannot be used \(EISDIR/],
    ['callback-secret', /callback-secret, which holds the callback secret, cannot be used \(EISDIR/],
  ])('with a folder in place of %s reports it', async (file, says) => {
    Object.assign(agent.env, { AGENT_TOKEN: undefined, AGENT_CALLBACK_HOSTS: 'n8n.example.org' });
    mkdirSync(path.join(agent.stateDir, file), { recursive: true });
    await expect(agent.start()).rejects.toThrow(says);
    expect(agent.lines.join('\n')).not.toMatch(/^ +at /m);
  });

  it('on a port in use reports it', async () => {
    await agent.start();
    const second = new Agent({ env: { AGENT_PORT: new URL(agent.url).port } });
    await expect(second.start()).rejects.toThrow(/exit code 2.*AGENT_PORT.*EADDRINUSE/s);
    await second[Symbol.asyncDispose]();
  });

  it('leads to a server that keeps connections longer than the 60 seconds of clients and proxies', async () => {
    await agent.start();
    const { headers } = await agent.fetch('/live');
    const seconds = Number(/timeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1]);
    expect(seconds).toBeGreaterThan(60);
  });

  it('succeeds without a login, and /health reports that', async () => {
    await agent.start();
    expect((await agent.health()).auth).toMatchObject({
      mode: 'session',
      state: 'auth_failed',
      problem: expect.stringContaining('ENOENT') as string,
    });
  });
});
