import { startAgent } from './agents.ts';
import { atMost, mb, ms, ratio, seen, type Benchmark } from './figures.ts';
import { settledMemory, WITH_INSPECTOR } from './memory-of.ts';
import { runWell } from './run-well.ts';
import { QUICK_CLAUDE } from './quick-claude.ts';

const FEW = 500;
const MANY = 5000;
const GROWTH = 1.06;

export const memory: Benchmark = {
  name: 'memory',
  title: 'Memory over thousands of runs',
  about: `Sends ${MANY} \`POST /run\` requests one after the other. The \`claude\` is a few lines of shell, so that the runs take
only a minute or two. The memory of the idle agent is the lowest of ten samples of \`/metrics\`, each after a full garbage
collection.`,
  async run() {
    await using agent = await startAgent({ env: { AGENT_CLAUDE_PATH: QUICK_CLAUDE, ...WITH_INSPECTOR } });
    const begun = performance.now();
    for (let i = 0; i < FEW; i += 1) await runWell(agent, 'hello');
    const few = await settledMemory(agent);
    for (let i = FEW; i < MANY; i += 1) await runWell(agent, 'hello');
    const each = (performance.now() - begun) / MANY;
    const many = await settledMemory(agent);
    return [
      seen(`RSS, heap used after ${FEW} runs`, `${mb(few.rss)}, ${mb(few.heapUsed)}`),
      seen(`RSS, heap used after ${MANY} runs`, `${mb(many.rss)}, ${mb(many.heapUsed)}`),
      atMost(`RSS after ${MANY} runs / after ${FEW} runs`, many.rss / few.rss, GROWTH, ratio),
      atMost(`heap used after ${MANY} runs / after ${FEW} runs`, many.heapUsed / few.heapUsed, GROWTH, ratio),
      seen('time of a run, back to back', ms(each)),
    ];
  },
};
