import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawPublicKey, signChallenge } from '../../../agent/runner/key.ts';
import { startAnthropicDouble, type AnthropicDouble } from '../../doubles/anthropic/server.ts';
import { Agent, TOKEN } from '../../support/agent.ts';
import { attack, findingsIn, foundIn, secret } from '../../support/attacks.ts';
import { REAL_CLAUDE } from '../../support/claude.ts';
import { closedPort } from '../../support/closed-port.ts';
import { needs } from '../../support/needs.ts';
import { NO_CONTAINER, RunnerProgram } from '../../support/runner.ts';
import { RawAgent } from './raw-agent.ts';

const HOUR = 3_600_000;
const LOGIN = {
  accessToken: 'sk-ant-oat01-access-of-the-agent',
  refreshToken: 'sk-ant-ort01-refresh-of-the-agent',
  expiresAt: Date.now() + HOUR,
  scopes: ['user:inference'],
};

describe('an attack of a prompt by the real CLI', needs(NO_CONTAINER), () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const callbackSecret = `whsec_${Buffer.from('signs callbacks and nothing else').toString('base64')}`;
  let api: AnthropicDouble;
  let runner: RunnerProgram;
  let agent: Agent;
  /** What the attacks of the first run, and those of the second have printed. */
  let first: string;
  let second: string;

  async function run(script: string): Promise<string> {
    writeFileSync(runner.path('attack.sh'), script);
    const { output } = await agent.run(`[[bash:sh ${runner.path('attack.sh')}]]`);
    return output;
  }

  /** A signature of the agent for another nonce of the runner. */
  async function usedSignature(): Promise<string> {
    const raw = new RawAgent(runner.address);
    const { nonce } = await raw.next('hello');
    raw.close();
    return signChallenge({ ...runner.address, nonce }, privateKey);
  }

  beforeAll(async () => {
    api = await startAnthropicDouble();
    runner = await RunnerProgram.start({ env: { RUNNER_PUBLIC_KEY: rawPublicKey(privateKey) }, asUser: true });
    const { port } = new URL(await closedPort());
    agent = new Agent({ env: { ...REAL_CLAUDE, ANTHROPIC_BASE_URL: api.url } });
    const file = (name: string, content: string) => {
      writeFileSync(path.join(agent.folder, name), content);
      return path.join(agent.folder, name);
    };
    mkdirSync(path.join(agent.folder, 'seed'));
    file('seed/.credentials.json', JSON.stringify({ claudeAiOauth: LOGIN }));
    Object.assign(agent.env, {
      AGENT_RUNNERS: `http://127.0.0.1:${runner.address.port}`,
      AGENT_GATEWAY_PORT: port,
      AGENT_GATEWAY_URL: `http://127.0.0.1:${port}`,
      AGENT_RUNNER_KEY_FILE: file('runner-key.pem', pem),
      AGENT_CALLBACK_SECRET_FILE: file('callback-secret', callbackSecret),
      AGENT_SESSION_DIR: path.join(agent.folder, 'seed'),
    });
    await agent.start();

    const places = ['home', 'workspace', 'tmp'].map((name) => runner.path(name));
    const roots = [...places, '/dev'].flatMap((root) => ['--root', root]);
    const secrets = {
      access: LOGIN.accessToken,
      refresh: LOGIN.refreshToken,
      'API token': TOKEN,
      'callback secret': callbackSecret,
      'runner key': pem.split('\n')[1] ?? '',
    };
    const others = ['--port', new URL(await closedPort()).port];
    const self = `127.0.0.1:${runner.address.port}`;
    first = await run(
      [
        attack('secrets', [...roots, ...Object.entries(secrets).map(([name, value]) => secret(name, value))]),
        attack('inspect'),
        attack('network', ['--runner', self, '--signature', await usedSignature()]),
        attack('gateway'),
        attack('leave', [...roots, ...others]),
      ].join('\n'),
    );
    const token = findingsIn(first).find(({ target }) => target === 'the token of this run')?.detail ?? '';
    second = await run([attack('traces', [...roots, ...others]), attack('gateway', ['--token', token])].join('\n'));
  });
  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
    await runner[Symbol.asyncDispose]();
    await api.close();
  });

  const found = (output: string, name: string) => foundIn(output).filter((line) => line.startsWith(`${name}: `));

  it('finds no secret in files, processes and memory but the token of its run', () => {
    const lines = found(first, 'secrets');
    expect(lines).toContainEqual(expect.stringMatching(/^secrets: \/proc\/\d+\/mem: the token of this run$/));
    expect(lines.filter((line) => !line.endsWith(': the token of this run'))).toEqual([]);
  });

  it('neither reads nor changes its runner and PID 1, nor opens their inspectors', async () => {
    const lines = found(first, 'inspect');
    for (const call of ['environ', 'ptrace attach', 'process_vm_readv', 'pidfd_getfd'])
      expect(lines.join('\n')).toContain(`${call} of its own process`);
    expect(lines.filter((line) => !line.includes('its own process'))).toEqual([]);
    expect(await runner.health()).toMatchObject({ status: 'ok' });
    expect(runner.lines.join('\n')).not.toContain('can take over');
  });

  it('is not the agent for its runner, also not by a signature that the agent gave for another nonce', () => {
    expect(findingsIn(first).filter(({ attack: name }) => name === 'network')).toHaveLength(3);
    expect(found(first, 'network')).toEqual([]);
  });

  it('gets nothing from the gateway but messages, and by the token of a run nothing after its end', () => {
    const [token, ...answers] = found(first, 'gateway');
    expect(token).toMatch(/: run_\S+$/);
    expect(answers).toEqual(['gateway: its own token: 200']);
    expect(found(second, 'gateway').slice(1)).toEqual(answers);
    expect(findingsIn(second)).toContainEqual(
      expect.objectContaining({ target: 'token 0 of another run', result: 'blocked', detail: '403' }),
    );
    expect(token).not.toBe(found(second, 'gateway')[0]);
  });

  it('leaves nothing that a later run finds', () => {
    const left = found(first, 'leave').join('\n');
    for (const what of ['files', '~/.bashrc', 'System V IPC', 'kill -STOP', 'listening']) expect(left).toContain(what);
    expect(findingsIn(second).filter(({ attack: name }) => name === 'traces')).not.toEqual([]);
    expect(found(second, 'traces')).toEqual([]);
  });
});
