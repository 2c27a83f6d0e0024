import { startAnthropicDouble } from '../doubles/anthropic/server.ts';
import { AS_ROOT } from '../support/claude.ts';
import { makeHome } from '../support/home.ts';
import type { Agent } from '../support/agent.ts';
import { startAgent } from './agents.ts';
import { atMost, p50, p50AndP95, ratio, seen, timed, type Benchmark } from './figures.ts';
import { metricsOf } from './metrics.ts';
import { runWell } from './run-well.ts';
import { makeShell } from './shell.ts';

const ROUNDS = 6;
const QUEUE = 10;
const P50 = 0.45;
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
sent at once, and then \`claude -p ${PROMPT}\` runs ${QUEUE} times, one after the other. The first run of each round is not
counted, because it finds an idle agent.`,
  async run() {
    await using api = await startAnthropicDouble();
    await using home = await makeHome();
    await home.logIn({});
    await using shellHome = await makeHome();
    await shellHome.logIn({});
    const settings = { ANTHROPIC_BASE_URL: api.url, ...AS_ROOT };
    await using agent = await startAgent({ env: { ...settings, AGENT_CLAUDE_PATH: undefined, HOME: home.path } });
    await using shell = await makeShell({ ...settings, HOME: shellHome.path });

    const queued: Times = { own: [], apart: [] };
    const direct: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { own, apart } = await aFullQueue(agent);
      queued.own.push(...own);
      queued.apart.push(...apart);
      for (let i = 0; i < QUEUE; i += 1) direct.push(await timed(() => shell.ask(PROMPT, `echo: ${PROMPT}`)));
    }
    const hits = (await metricsOf(agent)).sum('claude_agent_warm_starts_total', 'result="hit"');
    return [
      seen('run, from its start to its end: p50, p95', p50AndP95(queued.own)),
      seen('run, from the end of the run before it: p50, p95', p50AndP95(queued.apart)),
      seen('shell: p50, p95', p50AndP95(direct)),
      atMost('run from its start / shell at p50', p50(queued.own) / p50(direct), P50, ratio),
      seen('run from the end of the run before it / shell at p50', ratio(p50(queued.apart) / p50(direct))),
      seen('runs that found a process ready', `${hits} of ${ROUNDS * QUEUE}`),
    ];
  },
};

/** Sends all runs at once and waits for them. */
async function aFullQueue(agent: Agent): Promise<Times> {
  const runs = await Promise.all(
    Array.from({ length: QUEUE }, async () => {
      const { duration, queuedMs } = await runWell(agent, PROMPT);
      return { own: duration - queuedMs, endedAt: performance.now() };
    }),
  );
  runs.sort((a, b) => a.endedAt - b.endedAt);
  return {
    own: runs.slice(1).map(({ own }) => own),
    apart: runs.slice(1).map(({ endedAt }, i) => endedAt - (runs[i]?.endedAt ?? NaN)),
  };
}
