import { startAgent } from './agents.ts';
import { atMost, mb, ms, ratio, seen, type Benchmark } from './figures.ts';
import { settledMemory, WITH_INSPECTOR } from './memory-of.ts';
import { runWell } from './run-well.ts';
import { QUICK_CLAUDE } from './quick-claude.ts';

const FEW = 500;
const MANY = 5000;
const GROWTH = 1.1;

export const memory: Benchmark = {
  name: 'memory',
  title: 'Memory over thousands of runs',
  about: `${MANY} runs one after the other through \`POST /run\`, with a \`claude\` that is a few lines of shell so that
they take a minute or two. Memory is what the idle agent keeps: the least of ten samples of \`/metrics\`, each after a
full garbage collection.`,
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
      atMost(`RSS after ${MANY} runs over that after ${FEW}`, many.rss / few.rss, GROWTH, ratio),
      atMost(`heap used after ${MANY} runs over that after ${FEW}`, many.heapUsed / few.heapUsed, GROWTH, ratio),
      seen('time of a run, back to back', ms(each)),
    ];
  },
};
