import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rawPublicKey, signChallenge } from '../../agent/runner/key.ts';
import type { RunnerAddress } from '../../agent/runner/client/link.ts';
import { expect } from 'vitest';
import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import type { Step } from '../doubles/claude/script.ts';
import { Collector } from '../doubles/collector/server.ts';
import { RawAgent } from '../agent/runner/raw-agent.ts';
import { Agent, TOKEN, until } from './agent.ts';
import type { Attacked } from './attack-suite.ts';
import { commandsFor, promptFor } from './attacks.ts';
import { REAL_CLAUDE } from './claude.ts';
import { closedPort } from './closed-port.ts';
import { scriptClaude } from './scripted-claude.ts';

const HOUR = 3_600_000;
const GIT_TOKEN = 'token-of-the-agent-at-a-git-host';
/** Of the collector: in the environment, and in a file, as the stack passes them. */
const HEADERS = { environment: 'canary-of-the-environment', file: 'canary-of-the-file' };
const CALLBACK_SECRET = `whsec_${Buffer.from('signs callbacks and nothing else').toString('base64')}`;

/** An agent of this machine with every secret that it can have. Disposing ends it, and not its runner. */
export interface AttackedAgent extends Attacked, AsyncDisposable {}

/** The agent asks its own CLI for the default model, and would wait long for an answer of the scripted one. */
const SCRIPTED = { AGENT_CLAUDE_PATH: '/bin/false' };
/** What the run has printed, for an agent whose scripted CLI runs prompts. */
const PRINTED = 'printed.txt';
/** Runs the prompt with `sh`. */
const RUN_PROMPT: readonly Step[] = [
  { do: 'shell', command: `eval "$PROMPT" > "$CLAUDE_RUN_OUT/${PRINTED}"` },
  { do: 'result', text: 'done' },
];

/**
 * Starts an agent with one runner, which shares the network of this machine.
 * @param startRunner starts it with this public key of the agent, and with this CLI if it is not the pinned one.
 * @param cli with a scripted one, no model decides what a run does.
 */
export async function startAttackedAgent(
  startRunner: (publicKey: string, claudePath?: string) => Promise<RunnerAddress>,
  roots: readonly string[],
  cli: 'real' | 'scripted' = 'real',
): Promise<AttackedAgent> {
  // The agent's own folder is closed to the runner's user.
  const scripts = mkdtempSync(path.join(tmpdir(), 'scripted-'));
  chmodSync(scripts, 0o777);
  const scripted = cli === 'scripted' ? scriptClaude(scripts, { '*': RUN_PROMPT }).path : undefined;
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = pemOf(privateKey);
  const appPem = pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  const login = {
    accessToken: 'sk-ant-oat01-access-of-the-agent',
    refreshToken: 'sk-ant-ort01-refresh-of-the-agent',
    expiresAt: Date.now() + HOUR,
    scopes: ['user:inference'],
  };
  const runner = await startRunner(rawPublicKey(privateKey), scripted);
  const api = await startAnthropicDouble();
  const collector = await Collector.start();
  const agent = new Agent({
    env: { ...(scripted === undefined ? REAL_CLAUDE : SCRIPTED), ANTHROPIC_BASE_URL: api.url },
  });
  const file = (name: string, content: string) => {
    writeFileSync(path.join(agent.folder, name), content);
    return path.join(agent.folder, name);
  };
  mkdirSync(path.join(agent.folder, 'seed'));
  file('seed/.credentials.json', JSON.stringify({ claudeAiOauth: login }));
  const { port } = new URL(await closedPort());
  const gitHosts = [
    {
      repositories: ['https://github.invalid/acme/*'],
      type: 'github',
      appId: 1,
      privateKeyFile: file('app.pem', appPem),
    },
    { repositories: ['https://git.invalid/acme/*'], type: 'plain', tokenFile: file('git-token', GIT_TOKEN) },
  ];
  Object.assign(agent.env, {
    AGENT_RUNNERS: `http://${runner.address}:${runner.port}`,
    AGENT_GATEWAY_PORT: port,
    AGENT_GATEWAY_URL: `http://127.0.0.1:${port}`,
    AGENT_RUNNER_KEY_FILE: file('runner-key.pem', pem),
    AGENT_CALLBACK_SECRET_FILE: file('callback-secret', CALLBACK_SECRET),
    AGENT_SESSION_DIR: path.join(agent.folder, 'seed'),
    AGENT_GIT_HOSTS: JSON.stringify(gitHosts),
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${HEADERS.environment}`,
    AGENT_OTLP_HEADERS_FILE: file('headers', `x-api-key=${HEADERS.file}`),
  });
  const raw = new RawAgent(runner);
  const { nonce } = await raw.next('hello');
  raw.close();
  await agent.start();
  return {
    async run(attacks, words = '') {
      if (scripted === undefined) return (await agent.run(promptFor(attacks) + words)).output;
      const { runId } = await agent.run([...commandsFor(attacks), `: ${words}`].join('\n'));
      return (await agent.fetch(`/runs/${runId}/files/${PRINTED}`)).text();
    },
    async wait(prompt) {
      await until(async () => (await agent.health()).activeRequests === 1, 'a run is in progress');
      await agent.submit(prompt);
      expect(await agent.health()).toMatchObject({ activeRequests: 1, queued: 1 });
    },
    secrets: {
      access: login.accessToken,
      refresh: login.refreshToken,
      'API token': TOKEN,
      'callback secret': CALLBACK_SECRET,
      'runner key': pem.split('\n')[1] ?? '',
      'token of a git host': GIT_TOKEN,
      // A line of what is private: the first ones hold the modulus.
      'private key of a GitHub App': appPem.split('\n')[10] ?? '',
      'header of the collector': HEADERS.environment,
      'header of the collector in a file': HEADERS.file,
    },
    roots,
    runnerPort: runner.port,
    freePort: Number(new URL(await closedPort()).port),
    usedSignature: signChallenge({ ...runner, nonce }, privateKey),
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]();
      await api.close();
      await collector.stop();
      rmSync(scripts, { recursive: true });
    },
  };
}

const pemOf = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }).toString();
