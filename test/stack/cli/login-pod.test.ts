import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { LOGIN_ADDRESS } from '../../doubles/claude/login.ts';
import { Agent, TOKEN, until } from '../../support/agent.ts';
import { project } from './project.ts';

/** A checkout without state, whose `kubectl` forwards a port to an agent and notes its arguments. */
function checkout(agentUrl: string) {
  const made = project();
  const forward = `Forwarding from ${new URL(agentUrl).host} -> 3000`;
  const kubectl = `#!/bin/sh\necho "$*" >> ${made.at('bin', 'forwards')}\necho '${forward}'\nexec sleep 60\n`;
  writeFileSync(made.at('bin', 'kubectl'), kubectl, { mode: 0o755 });
  const forwards = () =>
    existsSync(made.at('bin', 'forwards')) ? made.read('bin', 'forwards').trimEnd().split('\n') : [];
  return {
    ...made,
    forwards,
    keepToken: () => {
      mkdirSync(made.at('.local'));
      writeFileSync(made.at('.local', 'agent-token'), `${TOKEN}\n`);
    },
    logIn: (lines: readonly string[] | 'open', ...args: string[]) => {
      const child = made.launch(['login', '--pod', ...args]);
      if (lines !== 'open') child.stdin.end(lines.map((line) => `${line}\n`).join(''));
      return child;
    },
  };
}

describe('npm run login -- --pod', () => {
  let agent: Agent;
  const accessToken = () =>
    (
      JSON.parse(readFileSync(path.join(agent.stateDir, 'claude', '.credentials.json'), 'utf8')) as {
        claudeAiOauth: { accessToken: string };
      }
    ).claudeAiOauth.accessToken;
  const cancelled = () => agent.lines.filter((line) => line.includes('"why":"cancelled"')).length;

  beforeAll(async () => {
    agent = new Agent();
    const seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    const tokens = { accessToken: 'sk-ant-oat01-seed', refreshToken: 'sk-ant-ort01-seed' };
    const login = { ...tokens, expiresAt: Date.now() + 3_600_000, scopes: ['user:inference'] };
    writeFileSync(path.join(seed, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
    agent.env['AGENT_SESSION_DIR'] = seed;
    await agent.start();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  test('gives the address, asks for a whole code, and says what happens next', async () => {
    const made = checkout(agent.url);
    made.keepToken();
    const { exitCode, stderr } = await made.logIn(['incomplete', 'first#state'], '--context', 'prod-cluster');
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('namespace claude-agent of context prod-cluster');
    expect(stderr).toContain(LOGIN_ADDRESS);
    expect(stderr).toContain('This is not the whole code.');
    expect(stderr).toContain('Logged in as operations@example.com.');
    expect(stderr).toContain('check-now -n claude-agent --context prod-cluster');
    expect(stderr).not.toContain(TOKEN);
    expect(accessToken()).toBe('sk-ant-oat01-first');
    expect(new Set(made.forwards())).toEqual(
      new Set(['--context prod-cluster --namespace claude-agent port-forward deploy/claude-code-agent :http']),
    );
  });

  test('asks for the API token if the checkout has none, and for the next code if one is refused', async () => {
    const made = checkout(agent.url);
    const { exitCode, stderr } = await made.logIn(['wrong-token', TOKEN, 'refused#state', '', ' second#state ']);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain("the kubeconfig's current context");
    expect(stderr).toContain('The agent does not accept the API token that you entered.');
    expect(stderr).toContain('Anthropic did not accept the code');
    expect(stderr.split(LOGIN_ADDRESS)).toHaveLength(3);
    expect(stderr).not.toContain(TOKEN);
    expect(accessToken()).toBe('sk-ant-oat01-second');
    expect(existsSync(made.at('.local'))).toBe(false);
    expect(existsSync(made.at('bin', 'calls'))).toBe(false);
  });

  test('cancels the login if there is no code', async () => {
    const before = { login: accessToken(), cancelled: cancelled() };
    const { exitCode, stderr } = await checkout(agent.url).logIn([TOKEN]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("The login was cancelled. The agent's login did not change.");
    await until(() => cancelled() === before.cancelled + 1, 'the login is cancelled');
    expect(accessToken()).toBe(before.login);
  });

  test.each([
    ['for the code', [TOKEN], 1],
    ['for the answer', [TOKEN, 'hangs#state'], 2],
  ])('cancels the login on Ctrl-C while it waits %s', async (_what, lines, forwards) => {
    const before = cancelled();
    const made = checkout(agent.url);
    const child = made.logIn('open');
    child.stdin.write(lines.map((line) => `${line}\n`).join(''));
    const asked = new Promise((resolve) => {
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('Code (or')) resolve(undefined);
      });
    });
    await asked;
    await until(() => made.forwards().length >= forwards, 'kubectl is started');
    child.kill('SIGINT');
    const { exitCode, stderr } = await child;
    expect(exitCode).toBe(1);
    expect(stderr).toContain("The login was cancelled. The agent's login did not change.");
    await until(() => cancelled() === before + 1, 'the login is cancelled');
  });

  const problem = (kind: string, detail: string) => ({ type: `urn:claude-code-agent:problem:${kind}`, detail });
  const open = { id: 'x', url: LOGIN_ADDRESS, expiresAt: '2026-01-31T12:10:00.000Z' };
  const failed = { state: 'auth_failed', detail: 'The new login is not used.', host: 'pod' };
  test.each([
    ['the agent is older', { '/auth/login': [404, problem('not-found', 'x')] }, 'older version'],
    ['it uses no login', { '/auth/login': [409, problem('login-not-possible', 'It uses none.')] }, 'It uses none.'],
    ['a proxy responds', { '/auth/login': [502, undefined] }, 'The agent returned HTTP 502.'],
    [
      'the new login does not work',
      { '/auth/login': [201, open], '/auth/login/x': [200, failed] },
      'auth_failed: The new login is not used. To do that: npm run login -- --pod',
    ],
  ] as [string, Record<string, [number, object | undefined]>, string][])(
    'fails if %s',
    async (_what, answers, words) => {
      const server = createServer((request, response) => {
        const [status, body] = answers[request.url ?? ''] ?? [204, undefined];
        response.writeHead(status, body && { 'Content-Type': 'application/problem+json' });
        response.end(body && JSON.stringify(body));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const made = checkout(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const { exitCode, stderr } = await made.logIn([TOKEN, 'a#b']);
      server.closeAllConnections();
      server.close();
      expect(exitCode).toBe(1);
      expect(stderr).toContain(words);
      expect(stderr).not.toContain('    at ');
    },
  );

  test('says why kubectl does not reach the agent', async () => {
    const { launch } = project();
    const child = launch(['login', '--pod'], { FAKE_KUBECTL: 'error: deployments.apps "claude-code-agent" not found' });
    child.stdin.end(`${TOKEN}\n`);
    const { exitCode, stderr } = await child;
    expect(exitCode).toBe(1);
    expect(stderr).toContain('kubectl port-forward: error: deployments.apps "claude-code-agent" not found');
  });

  test('accepts a context only for a pod', async () => {
    const { exitCode, stderr } = await project().launch(['login', '--context', 'prod']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Option '--context' needs --pod.");
  });
});
