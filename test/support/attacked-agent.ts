import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { signChallenge } from '../../agent/runner/key.ts';
import { rawPublicKey } from '../../agent/runner/key.ts';
import type { RunnerAddress } from '../../agent/runner/client/link.ts';
import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import { RawAgent } from '../agent/runner/raw-agent.ts';
import { Agent, TOKEN } from './agent.ts';
import type { Attacked } from './attack-suite.ts';
import { REAL_CLAUDE } from './claude.ts';
import { closedPort } from './closed-port.ts';

const HOUR = 3_600_000;
const CALLBACK_SECRET = `whsec_${Buffer.from('signs callbacks and nothing else').toString('base64')}`;

/** An agent of this machine with every secret that it can have. Disposing ends it, and not its runner. */
export interface AttackedAgent extends Attacked, AsyncDisposable {}

/**
 * Starts an agent with one runner, which shares the network of this machine.
 * @param startRunner starts it with this public key of the agent.
 */
export async function startAttackedAgent(
  startRunner: (publicKey: string) => Promise<RunnerAddress>,
  roots: readonly string[],
): Promise<AttackedAgent> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const login = {
    accessToken: 'sk-ant-oat01-access-of-the-agent',
    refreshToken: 'sk-ant-ort01-refresh-of-the-agent',
    expiresAt: Date.now() + HOUR,
    scopes: ['user:inference'],
  };
  const runner = await startRunner(rawPublicKey(privateKey));
  const api = await startAnthropicDouble();
  const agent = new Agent({ env: { ...REAL_CLAUDE, ANTHROPIC_BASE_URL: api.url } });
  const file = (name: string, content: string) => {
    writeFileSync(path.join(agent.folder, name), content);
    return path.join(agent.folder, name);
  };
  mkdirSync(path.join(agent.folder, 'seed'));
  file('seed/.credentials.json', JSON.stringify({ claudeAiOauth: login }));
  const { port } = new URL(await closedPort());
  Object.assign(agent.env, {
    AGENT_RUNNERS: `http://${runner.address}:${runner.port}`,
    AGENT_GATEWAY_PORT: port,
    AGENT_GATEWAY_URL: `http://127.0.0.1:${port}`,
    AGENT_RUNNER_KEY_FILE: file('runner-key.pem', pem),
    AGENT_CALLBACK_SECRET_FILE: file('callback-secret', CALLBACK_SECRET),
    AGENT_SESSION_DIR: path.join(agent.folder, 'seed'),
  });
  const raw = new RawAgent(runner);
  const { nonce } = await raw.next('hello');
  raw.close();
  await agent.start();
  return {
    run: async (prompt) => (await agent.run(prompt)).output,
    secrets: {
      access: login.accessToken,
      refresh: login.refreshToken,
      'API token': TOKEN,
      'callback secret': CALLBACK_SECRET,
      'runner key': pem.split('\n')[1] ?? '',
    },
    roots,
    runnerPort: runner.port,
    freePort: Number(new URL(await closedPort()).port),
    usedSignature: signChallenge({ ...runner, nonce }, privateKey),
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]();
      await api.close();
    },
  };
}
