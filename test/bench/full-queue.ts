import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import { AS_ROOT } from '../support/claude.ts';
import { makeHome } from '../support/home.ts';
import type { Agent } from '../support/agent.ts';
import { startAgent } from './agents.ts';
import { atMost, p50, p50AndP95, ratio, seen, timed, type Benchmark, type Figure } from './figures.ts';
import { metricsOf } from './metrics.ts';
import { runWell } from './run-well.ts';
import { startWithRunners } from './runners.ts';
import { makeShell } from './shell.ts';

const ROUNDS = 6;
const QUEUE = 10;
const P50 = 0.45;
const RUNNERS_P50 = 0.5;
const PROMPT = 'hello';

/** Milliseconds of a run. */
interface Times {
  /** From its start to its end. */
  readonly own: number[];
  /** From the end of the run before it to its end. */
  readonly apart: number[];
}

export const fullQueue: Benchmark = {
  name: 'full-queue',
  title: 'A full queue compared to `claude -p`',
  about: `The pinned CLI, the double of the Anthropic API, one slot. In each of ${ROUNDS} rounds, ${QUEUE} runs with default options are
sent at once, first to an agent that starts the CLI itself, then to one with two runners, one of them for the process that is
prepared (\`AGENT_WARM_RUNNERS=1\`). Then \`claude -p ${PROMPT}\` runs ${QUEUE} times, one after the other. The first run of each
queue is not counted, because it finds an idle agent.`,
  async run() {
    await using api = await startAnthropicDouble();
    await using home = await makeHome();
    await home.logIn({});
    await using shellHome = await makeHome();
    await shellHome.logIn({});
    const settings = { ANTHROPIC_BASE_URL: api.url, ...AS_ROOT };
    await using agent = await startAgent({ env: { ...settings, AGENT_CLAUDE_PATH: undefined, HOME: home.path } });
    await using runners = await startWithRunners({
      count: 2,
      warm: 1,
      env: { ...settings, AGENT_CLAUDE_PATH: undefined },
      runnerEnv: AS_ROOT,
    });
    await using shell = await makeShell({ ...settings, HOME: shellHome.path });

    const queued: Times = { own: [], apart: [] };
    const queuedOnRunners: Times = { own: [], apart: [] };
    const direct: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await aFullQueue(agent, queued);
      await aFullQueue(runners.agent, queuedOnRunners);
      for (let i = 0; i < QUEUE; i += 1) direct.push(await timed(() => shell.ask(PROMPT, `echo: ${PROMPT}`)));
    }
    return [
      seen('shell: p50, p95', p50AndP95(direct)),
      ...(await figuresOf('run', agent, queued, direct, P50)),
      ...(await figuresOf('run on a runner', runners.agent, queuedOnRunners, direct, RUNNERS_P50)),
    ];
  },
};

async function figuresOf(
  name: string,
  agent: Agent,
  { own, apart }: Times,
  direct: readonly number[],
  limit: number,
): Promise<Figure[]> {
  const hits = (await metricsOf(agent)).sum('claude_agent_warm_starts_total', 'result="hit"');
  return [
    seen(`${name}, from its start to its end: p50, p95`, p50AndP95(own)),
    seen(`${name}, from the end of the run before it: p50, p95`, p50AndP95(apart)),
    atMost(`${name}, from its start / shell at p50`, p50(own) / p50(direct), limit, ratio),
    seen(`${name}, from the end of the run before it / shell at p50`, ratio(p50(apart) / p50(direct))),
    seen(`${name}: how many found a process ready`, `${hits} of ${ROUNDS * QUEUE}`),
  ];
}

/** Sends all runs at once and waits for them; adds their times. */
async function aFullQueue(agent: Agent, times: Times): Promise<void> {
  const runs = await Promise.all(
    Array.from({ length: QUEUE }, async () => {
      const { duration, queuedMs } = await runWell(agent, PROMPT);
      return { own: duration - queuedMs, endedAt: performance.now() };
    }),
  );
  runs.sort((a, b) => a.endedAt - b.endedAt);
  times.own.push(...runs.slice(1).map(({ own }) => own));
  times.apart.push(...runs.slice(1).map(({ endedAt }, i) => endedAt - (runs[i]?.endedAt ?? NaN)));
}
