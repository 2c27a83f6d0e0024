import type { Agent } from '../support/agent.ts';
import { startAgent } from './agents.ts';
import { untilResult, type Command } from './direct.ts';
import { atMost, ms, p50, percentile, seen, shuffled, timed, type Benchmark } from './figures.ts';
import { QUICK_CLAUDE } from './quick-claude.ts';
import { runWell } from './run-well.ts';

const WARM_UP = 20;
const PAIRS = 200;
const SHARE_MS = 5;
const ARGS = ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'];

export const ownShare: Benchmark = {
  name: 'own-share',
  title: "The server's own share of a run",
  about: `\`POST /run\` with the scripted CLI, which answers at once, against starting that same CLI from this program
with the same exchange, until its result line. ${PAIRS} pairs, in random order within each pair, after ${WARM_UP} that
do not count. The agent's warm start is off: it would hide the start of the CLI, and with it the server's share.
The second group has a \`claude\` that is a few lines of shell; what varies least shows most.`,
  async run() {
    await using agent = await startAgent({ env: { AGENT_WARM_START: 'off' } });
    await using quick = await startAgent({ env: { AGENT_WARM_START: 'off', AGENT_CLAUDE_PATH: QUICK_CLAUDE } });
    const scripted = await pairs(agent, { ...commandOf(agent), file: agent.claude.path });
    const shell = await pairs(quick, { ...commandOf(quick), file: QUICK_CLAUDE });
    return [
      seen('scripted CLI: `/run` p50, p95', both(scripted.run)),
      seen('scripted CLI: started directly, p50, p95', both(scripted.direct)),
      atMost('scripted CLI: difference of the p50', p50(scripted.run) - p50(scripted.direct), SHARE_MS, ms),
      seen('shell: `/run` p50, p95', both(shell.run)),
      seen('shell: started directly, p50, p95', both(shell.direct)),
      atMost('shell: difference of the p50', p50(shell.run) - p50(shell.direct), SHARE_MS, ms),
      seen('shell: one run after the other, each', ms(await backToBack(quick))),
    ];
  },
};

function commandOf(agent: Agent): Omit<Command, 'file'> {
  return { args: ARGS, env: { PATH: process.env['PATH'] ?? '', HOME: agent.folder }, cwd: agent.workspaceDir };
}

async function pairs(agent: Agent, command: Command) {
  const times = { run: [] as number[], direct: [] as number[] };
  const ways = {
    run: () => timed(() => runWell(agent, 'hello')),
    direct: async () => {
      let process: Awaited<ReturnType<typeof untilResult>> | undefined;
      const time = await timed(async () => (process = await untilResult(command, 'hello')));
      await process?.exited;
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

async function backToBack(agent: Agent): Promise<number> {
  const all = await timed(async () => {
    for (let i = 0; i < PAIRS; i += 1) await runWell(agent, 'hello');
  });
  return all / PAIRS;
}

const both = (times: readonly number[]) => `${ms(p50(times))}, ${ms(percentile(times, 0.95))}`;
