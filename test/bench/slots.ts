import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../support/agent.ts';
import { startAgent } from './agents.ts';
import { atLeast, atMost, ms, p50, ratio, seen, timed, type Benchmark, type Figure } from './figures.ts';
import { untilResult } from './direct.ts';
import { metricsOf } from './metrics.ts';
import { QUICK_CLAUDE } from './quick-claude.ts';
import { runWell } from './run-well.ts';
import { startWithRunners } from './runners.ts';

const SLOTS = [1, 2, 4, 8, 16, 32, 50];
/** For each slot, so that always as many runs wait as are in progress. */
const CLIENTS = 2;
const SECONDS = 14;
const SETTLED_MS = 3000;
/** Clients that started at once would stay in step, and the machine be idle for half of each second. */
const SPREAD_MS = 1000;
const IDLE_MS = 3000;
const WARM_UP = 100;
const DIRECT = 5;
const PROMPT = 'take a second';
const SHARE = 0.95;
const CPU_MS = 10;
const RUNNERS = 50;
const RUNS_EACH_SECOND = 47;

export const slots: Benchmark = {
  name: 'slots',
  title: 'Several runs at a time',
  about: `A \`claude\` in shell that takes a second for a prompt. An agent with N slots has ${CLIENTS} × N clients for ${SECONDS} seconds, which start over the first second, and each of which sends
its next run when it has the response to the last. The first figure is the number of runs in the time that a process
takes that is started directly, without the first ${SETTLED_MS / 1000} seconds. The second is the CPU time of the agent's process, without what
it uses when it is idle. Before that there are ${WARM_UP} short runs. The last rows are an agent with ${RUNNERS} runners and as many
clients for each, all on this machine: the runs that end in a second, on average and at the worst time in which ${RUNNERS} ended.`,
  async run() {
    const figures: Figure[] = [];
    const direct = await directly();
    figures.push(seen('a process that is started directly: p50', ms(direct)));
    for (const count of SLOTS) figures.push(...(await withSlots(count, direct)));
    return [...figures, ...(await withRunners())];
  },
};

/** The median time of a process from its start to its result, in milliseconds. */
async function directly(): Promise<number> {
  const command = { file: QUICK_CLAUDE, args: [], env: { PATH: process.env['PATH'] ?? '' }, cwd: '/' };
  const times: number[] = [];
  for (let i = 0; i < DIRECT; i += 1) {
    let exited: Promise<unknown> | undefined;
    times.push(await timed(async () => ({ exited } = await untilResult(command, PROMPT))));
    await exited;
  }
  return p50(times);
}

async function withSlots(count: number, direct: number): Promise<Figure[]> {
  await using agent = await startAgent({ env: { AGENT_CLAUDE_PATH: QUICK_CLAUDE, AGENT_RUNNERS: `local:${count}` } });
  const { cycles, cpuMs } = await underLoad(agent, count);
  const name = count === 1 ? '1 slot' : `${count} slots`;
  return [
    atLeast(`${name}: runs in the time of one`, (count * direct) / mean(cycles), SHARE * count, ratio),
    atMost(`${name}: CPU time of the agent for a run`, cpuMs, CPU_MS, ms),
  ];
}

async function withRunners(): Promise<Figure[]> {
  await using all = await startWithRunners({ count: RUNNERS, runnerEnv: { RUNNER_CLAUDE_PATH: QUICK_CLAUDE } });
  const { cycles, cpuMs } = await underLoad(all.agent, RUNNERS);
  const eachSecond = (cycle: number) => (RUNNERS * 1000) / cycle;
  return [
    atLeast(`${RUNNERS} runners: runs in a second`, eachSecond(mean(cycles)), RUNS_EACH_SECOND, ratio),
    seen(`${RUNNERS} runners: runs in the slowest second`, ratio(eachSecond(Math.max(...cycles)))),
    atMost(`${RUNNERS} runners: CPU time of the agent for a run`, cpuMs, CPU_MS, ms),
  ];
}

/**
 * Keeps an agent busy that can do `count` runs at a time.
 * @returns the times from the end of a run to that of the `count`th after it, and the CPU time of the agent for a run, both in
 *   milliseconds.
 */
async function underLoad(agent: Agent, count: number): Promise<{ cycles: number[]; cpuMs: number }> {
  for (let i = 0; i < WARM_UP; i += 1) await runWell(agent, 'hello');
  const idle = await cpuDuring(agent, () => sleep(IDLE_MS));

  const endedAt: number[] = [];
  const begun = performance.now();
  const client = async (_: unknown, i: number) => {
    await sleep(((i % count) / count) * SPREAD_MS);
    while (performance.now() < begun + SECONDS * 1000) {
      await runWell(agent, PROMPT);
      endedAt.push(performance.now());
    }
  };
  const cpu = await cpuDuring(agent, () => Promise.all(Array.from({ length: count * CLIENTS }, client)));
  const cpuMs = (cpu - (idle / IDLE_MS) * (performance.now() - begun)) / endedAt.length;
  const steady = endedAt.sort((a, b) => a - b).filter((at) => at > begun + SETTLED_MS);
  return { cycles: steady.slice(count).map((at, i) => at - (steady[i] ?? NaN)), cpuMs };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

/** CPU time of the agent's process during some work, in milliseconds. */
async function cpuDuring(agent: Agent, work: () => Promise<unknown>): Promise<number> {
  const total = async () => (await metricsOf(agent)).sum('process_cpu_seconds_total') * 1000;
  const before = await total();
  await work();
  return (await total()) - before;
}
