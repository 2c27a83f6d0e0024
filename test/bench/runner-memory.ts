import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/agent.ts';
import { childOf } from '../support/runner.ts';
import { atMost, mb, type Benchmark } from './figures.ts';
import { sendMany, startDouble } from './gateway-requests.ts';
import { metricsOf } from './metrics.ts';
import { QUICK_CLAUDE } from './quick-claude.ts';
import { runWell } from './run-well.ts';
import { startWithRunners, type AgentWithRunners } from './runners.ts';

const RUNNERS = 4;
const REQUESTS = 10_000;
const RUNS = 500;
const AT_ONCE = 16;
const SETTLED_MS = 3000;
const LIMIT_BYTES = 200 * 1_048_576;

export const runnerMemory: Benchmark = {
  name: 'runner-memory',
  title: 'Memory of an idle agent with runners',
  about: `The resident memory of an agent with ${RUNNERS} runners that has been idle for ${SETTLED_MS / 1000} seconds, without a garbage collection
from outside: after its start, after ${REQUESTS} requests to its gateway, ${AT_ONCE} at once, and after ${RUNS} runs in addition. The
requests have the token of the process that is prepared on a runner.`,
  async run() {
    await using api = await startDouble();
    await using all = await startWithRunners({
      count: RUNNERS,
      env: { ANTHROPIC_BASE_URL: api.url },
      runnerEnv: { RUNNER_CLAUDE_PATH: QUICK_CLAUDE },
    });
    const { agent, gatewayUrl } = all;
    const idle = async (after: string) => {
      await sleep(SETTLED_MS);
      const bytes = (await metricsOf(agent)).sum('process_resident_memory_bytes');
      return atMost(`RSS after ${after}`, bytes, LIMIT_BYTES, mb);
    };
    const token = await tokenOfWarmProcess(all);
    const started = await idle('the start');
    await sendMany({ url: gatewayUrl, token }, REQUESTS, AT_ONCE);
    const requested = await idle(`${REQUESTS} requests to the gateway`);
    for (let i = 0; i < RUNS; i += 1) await runWell(agent, 'hello');
    return [started, requested, await idle(`${RUNS} runs in addition`)];
  },
};

/** Waits for a process that is started ahead, and takes the token from its environment. */
async function tokenOfWarmProcess({ runners }: AgentWithRunners): Promise<string> {
  const tokens = () => runners.flatMap(({ pid }) => tokenOf(pid) ?? []);
  await until(() => tokens().length > 0, 'a warm process');
  return tokens()[0] ?? '';
}

function tokenOf(runner: number): string | undefined {
  const child = childOf(runner);
  if (child === 0) return undefined;
  return /(?:^|\0)ANTHROPIC_API_KEY=([^\0]+)/.exec(readFileSync(`/proc/${child}/environ`, 'utf8'))?.[1];
}
