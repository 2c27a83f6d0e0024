import { setTimeout as sleep } from 'node:timers/promises';
import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import { AS_ROOT } from '../support/claude.ts';
import type { Agent } from '../support/agent.ts';
import { makeHome, type Home } from '../support/home.ts';
import { startAgent } from './agents.ts';
import { atMost, p50, p50AndP95, percentile, ratio, seen, shuffled, timed, type Benchmark } from './figures.ts';
import { metricsOf } from './metrics.ts';
import { runWell } from './run-well.ts';
import { startWithRunners } from './runners.ts';
import { makeShell } from './shell.ts';

const WARM_UP = 3;
const ROUNDS = 60;
const P50 = 0.36;
const P95 = 0.6;
const RUNNER_P50 = 0.4;
/** Long enough for the agent to prepare the next process, and for the ended one to disappear. */
const PAUSE_MS = 1200;
const PROMPT = 'hello';

const WAYS = ['warm', 'cold', 'runner', 'shell'] as const;

export const warmStart: Benchmark = {
  name: 'warm-start',
  title: '`POST /run` compared to `claude -p`',
  about: `The pinned CLI runs against the double of the Anthropic API, which answers immediately, so that only the time of the
CLI and of the agent remains. \`warm\` is an agent with the defaults, \`cold\` an agent with \`AGENT_WARM_START=off\`,
\`runner\` an agent with the defaults whose CLI is on a runner and calls the API through the gateway, and \`shell\` is
\`claude -p ${PROMPT}\` from start to end. All have the same kind of environment; all but \`runner\` have the same kind of home. The
four run in random order in ${ROUNDS} rounds, after ${WARM_UP} rounds of warm-up. After each request to \`warm\` and \`runner\` there is a pause
of ${PAUSE_MS} ms, in which the agent prepares the next process. The last rows count the requests that found this process ready.`,
  async run() {
    await using api = await startAnthropicDouble();
    await using warmHome = await loggedIn();
    await using coldHome = await loggedIn();
    await using shellHome = await loggedIn();
    const settings = { AGENT_CLAUDE_PATH: undefined, ANTHROPIC_BASE_URL: api.url, ...AS_ROOT };
    await using warm = await startAgent({ env: { ...settings, HOME: warmHome.path, AGENT_WARM_START: 'on' } });
    await using cold = await startAgent({ env: { ...settings, HOME: coldHome.path, AGENT_WARM_START: 'off' } });
    await using onRunner = await startWithRunners({
      count: 1,
      env: { ...settings, AGENT_WARM_START: 'on' },
      runnerEnv: AS_ROOT,
    });
    await using shell = await makeShell({ ANTHROPIC_BASE_URL: api.url, ...AS_ROOT, HOME: shellHome.path });

    const ways = {
      warm: () => runWell(warm, PROMPT),
      cold: () => runWell(cold, PROMPT),
      runner: () => runWell(onRunner.agent, PROMPT),
      shell: () => shell.ask(PROMPT, `echo: ${PROMPT}`),
    };
    const times = { warm: [] as number[], cold: [] as number[], runner: [] as number[], shell: [] as number[] };
    for (let i = 0; i < WARM_UP + ROUNDS; i += 1) {
      for (const way of shuffled(WAYS)) {
        const time = await timed(ways[way]);
        if (i >= WARM_UP) times[way].push(time);
        await sleep(way === 'warm' || way === 'runner' ? PAUSE_MS : PAUSE_MS / 5);
      }
    }

    const hits = async (agent: Agent) =>
      `${(await metricsOf(agent)).sum('claude_agent_warm_starts_total', 'result="hit"')} of ${WARM_UP + ROUNDS}`;
    return [
      ...WAYS.map((way) => seen(`${way}: p50, p95`, p50AndP95(times[way]))),
      atMost('warm / shell at p50', p50(times.warm) / p50(times.shell), P50, ratio),
      atMost('warm / shell at p95', percentile(times.warm, 0.95) / percentile(times.shell, 0.95), P95, ratio),
      seen('warm / shell within a round: p50, p95', ratios(times.warm, times.shell)),
      seen('cold / shell at p50', ratio(p50(times.cold) / p50(times.shell))),
      atMost('runner / shell at p50', p50(times.runner) / p50(times.shell), RUNNER_P50, ratio),
      seen('runner / shell within a round: p50, p95', ratios(times.runner, times.shell)),
      seen('warm requests that found a process ready', await hits(warm)),
      seen('requests to a runner that found a process ready', await hits(onRunner.agent)),
    ];
  },
};

async function loggedIn(): Promise<Home> {
  const home = await makeHome();
  await home.logIn({});
  return home;
}

function ratios(above: readonly number[], below: readonly number[]): string {
  const each = above.map((time, i) => time / (below[i] ?? NaN));
  return `${ratio(p50(each))}, ${ratio(percentile(each, 0.95))}`;
}
