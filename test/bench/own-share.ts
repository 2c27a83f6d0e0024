import path from 'node:path';
import { until, type Agent } from '../support/agent.ts';
import { startDoubleProgram } from '../support/double-program.ts';
import { startAgent } from './agents.ts';
import { untilResult, type Command } from './direct.ts';
import { atMost, ms, p50, p50AndP95, seen, shuffled, timed, type Benchmark, type Figure } from './figures.ts';
import { QUICK_CLAUDE } from './quick-claude.ts';
import { runWell } from './run-well.ts';
import { startWithRunners } from './runners.ts';

const WARM_UP = 20;
const PAIRS = 200;
const SHARE_MS = 5;
const RUNNER_SHARE_MS = 8;
const TRACED_SHARE_MS = 8;

/** Durations in milliseconds. Values at the same index are one pair. */
interface Times {
  readonly run: number[];
  readonly direct: number[];
}

const COLLECTOR = path.join(import.meta.dirname, '..', 'doubles', 'collector', 'main.ts');
const ARGS = ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'];

export const ownShare: Benchmark = {
  name: 'own-share',
  title: 'Overhead of the agent',
  about: `Compares \`POST /run\`, with a scripted CLI that answers immediately, to starting the same CLI directly with the same
input, until its result line. There are ${PAIRS} pairs in random order within each pair, after ${WARM_UP} pairs of warm-up.
Each measurement starts when the previous process has ended. The agent's warm start is off, because it would hide the
start of the CLI and with it the overhead. The run records are in the system's temporary folder. Each run waits for that
disk twice, when it is accepted and when it ends. The second group uses a \`claude\` that is a few lines of shell, whose
times vary less. The third group is the same on a runner, and the fourth the same with [tracing](tracing.md).`,
  async run() {
    await using agent = await startAgent({ env: { AGENT_WARM_START: 'off' } });
    await using quick = await startAgent({ env: { AGENT_WARM_START: 'off', AGENT_CLAUDE_PATH: QUICK_CLAUDE } });
    await using onRunner = await startWithRunners({
      count: 1,
      env: { AGENT_WARM_START: 'off' },
      runnerEnv: { RUNNER_CLAUDE_PATH: QUICK_CLAUDE },
    });
    await using collector = await startDoubleProgram<{ url: string }>(COLLECTOR);
    await using traced = await startAgent({
      env: {
        AGENT_WARM_START: 'off',
        AGENT_CLAUDE_PATH: QUICK_CLAUDE,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.told.url,
        OTEL_BSP_SCHEDULE_DELAY: '500',
      },
    });
    const scripted = await pairs(agent, { ...commandOf(agent), file: agent.claude.path });
    const shell = await pairs(quick, { ...commandOf(quick), file: QUICK_CLAUDE });
    const there = await pairs(onRunner.agent, { ...commandOf(onRunner.agent), file: QUICK_CLAUDE }, () =>
      onRunner.idle(),
    );
    const withSpans = await pairs(traced, { ...commandOf(traced), file: QUICK_CLAUDE });
    await assertExported(traced);
    return [
      ...figuresOf('scripted CLI', scripted, SHARE_MS),
      ...figuresOf('shell', shell, SHARE_MS),
      ...figuresOf('shell on a runner', there, RUNNER_SHARE_MS),
      ...figuresOf('shell, with spans', withSpans, TRACED_SHARE_MS),
      seen('shell: time of a run, back to back', ms(await backToBack(quick))),
    ];
  },
};

function figuresOf(name: string, { run, direct }: Times, limit: number): Figure[] {
  const differences = run.map((time, i) => time - (direct[i] ?? NaN));
  return [
    seen(`${name}: \`/run\` p50, p95`, p50AndP95(run)),
    seen(`${name}: started directly, p50, p95`, p50AndP95(direct)),
    seen(`${name}: difference within a pair, p50`, ms(p50(differences))),
    atMost(`${name}: difference of the p50`, p50(run) - p50(direct), limit, ms),
  ];
}

function commandOf(agent: Agent): Omit<Command, 'file'> {
  return { args: ARGS, env: { PATH: process.env['PATH'] ?? '', HOME: agent.folder }, cwd: agent.workspaceDir };
}

async function pairs(
  agent: Agent,
  command: Command,
  idle = () => until(async () => (await agent.health()).activeRequests === 0, 'the end of the process'),
): Promise<Times> {
  const times: Times = { run: [], direct: [] };
  const ways = {
    run: async () => {
      const time = await timed(() => runWell(agent, 'hello'));
      await idle();
      return time;
    },
    direct: async () => {
      let exited: Promise<unknown> | undefined;
      const time = await timed(async () => ({ exited } = await untilResult(command, 'hello')));
      await exited;
      return time;
    },
  };
  for (let i = 0; i < WARM_UP + PAIRS; i += 1) {
    for (const way of shuffled(['run', 'direct'] as const)) {
      const time = await ways[way]();
      if (i >= WARM_UP) times[way].push(time);
    }
  }
  return times;
}

/** @throws if the agent exported no spans, because the figures would mean nothing. */
async function assertExported(agent: Agent): Promise<void> {
  const metrics = await (await agent.fetch('/metrics')).text();
  if (!/^claude_agent_spans_total\{result="exported"\} [1-9]/m.test(metrics)) throw new Error('There were no spans.');
}

async function backToBack(agent: Agent): Promise<number> {
  const all = await timed(async () => {
    for (let i = 0; i < PAIRS; i += 1) await runWell(agent, 'hello');
  });
  return all / PAIRS;
}
