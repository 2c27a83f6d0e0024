import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until, type Agent } from '../support/agent.ts';
import { closedPort } from '../support/closed-port.ts';
import { KEY, NO_CONTAINER, RunnerProgram } from '../support/runner.ts';
import { endLater, startAgent } from './agents.ts';
import { metricsOf } from './metrics.ts';

const NAME = 'runners.test';
/** Starts a command with the file `$0` as /etc/hosts. */
const WITH_HOSTS = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"'];
/** Runners that start at the same time would otherwise take all processors for long. */
const STARTED_AT_ONCE = 4;

/** An agent with its runners. Disposing kills all. */
export interface AgentWithRunners extends AsyncDisposable {
  readonly agent: Agent;
  readonly runners: readonly RunnerProgram[];
  /** The agent's gateway. */
  readonly gatewayUrl: string;
  /** Settles when no runner has a process or is cleaned. */
  idle(): Promise<void>;
}

/**
 * Starts runners, each in a container and on an address of its own, and an agent that finds them all at one name.
 * @param options.env for the agent, in addition to the settings of its runners and an API key.
 * @param options.runnerEnv for each runner.
 * @throws if containers cannot be made here.
 */
export async function startWithRunners({
  count,
  warm = 0,
  env,
  runnerEnv,
}: {
  readonly count: number;
  readonly warm?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly runnerEnv?: Readonly<Record<string, string>>;
}): Promise<AgentWithRunners> {
  if (NO_CONTAINER !== undefined) throw new Error(`Runners cannot be started. ${NO_CONTAINER}`);
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(tmpdir(), 'runners-'));
  parts.defer(() => rmSync(folder, { recursive: true }));
  const { port } = new URL(await closedPort());
  const addresses = Array.from({ length: count }, (_, i) => `127.0.1.${i + 1}`);
  const waiting = addresses.values();
  const runners: RunnerProgram[] = [];
  const startEach = async () => {
    for (const address of waiting) {
      const own = { RUNNER_HOST: address, RUNNER_PORT: port };
      const runner = await RunnerProgram.start({ env: { ...own, ...runnerEnv } });
      parts.use(runner);
      endLater(runner);
      runners.push(runner);
    }
  };
  await Promise.all(Array.from({ length: STARTED_AT_ONCE }, startEach));

  const hosts = path.join(folder, 'hosts');
  writeFileSync(hosts, ['127.0.0.1 localhost\n', ...addresses.map((address) => `${address} ${NAME}\n`)].join(''));
  const keyFile = path.join(folder, 'key.pem');
  writeFileSync(keyFile, KEY.export({ format: 'pem', type: 'pkcs8' }));
  const gatewayUrl = await closedPort();
  const agent = await startAgent({
    before: [...WITH_HOSTS, hosts],
    env: {
      AGENT_RUNNERS: `http://${NAME}:${port}`,
      AGENT_WARM_RUNNERS: String(warm),
      AGENT_RUNNER_KEY_FILE: keyFile,
      AGENT_GATEWAY_PORT: new URL(gatewayUrl).port,
      AGENT_GATEWAY_URL: gatewayUrl,
      AGENT_AUTH_MODE: 'apiKey',
      ANTHROPIC_API_KEY: 'sk-ant-api03-of-the-benchmarks',
      ...env,
    },
  });
  parts.use(agent);
  await until(async () => (await agent.health()).slots === count - warm, 'all runners are ready');
  const all = parts.move();
  return {
    agent,
    runners,
    gatewayUrl,
    idle: () =>
      until(
        async () => (await metricsOf(agent)).sum('claude_agent_runners', 'state="ready"') === count,
        'all are idle',
      ),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
