import { startAgent } from './agents.ts';
import { atMost, mb, ms, p50, seen, type Benchmark, type Figure } from './figures.ts';
import { whileAskingHealth } from './health-probe.ts';
import { peakRss, settledMemory, WITH_INSPECTOR } from './memory-of.ts';
import { runWell } from './run-well.ts';

const MEBIBYTE = 1_048_576;
/** As many runs as the agent remembers what they said. */
const OFTEN = 20;
const KEPT_BYTES = 100 * MEBIBYTE;
/** A mebi of characters, and what is told about the run. */
const ANSWER_BYTES = 1.1 * MEBIBYTE;

const WAYS = {
  'sixty messages': [
    { do: 'messages', count: 60 },
    { do: 'result', text: 'the end' },
  ],
  'one line of 60 MiB': [{ do: 'flood', bytes: 60 * MEBIBYTE }],
  'one line of 30 MiB': [{ do: 'flood', bytes: 30 * MEBIBYTE }],
} as const;

export const largeOutput: Benchmark = {
  name: 'large-output',
  title: 'A claude that writes 60 MiB',
  about: `One run of the scripted CLI that writes 60 MiB, as sixty messages or as one endless line, and one that writes
nearly the longest line that is still taken. The peak is the kernel's count of the agent's resident memory (VmHWM), of a
fresh agent for each; \`/health\` is asked every 10 ms meanwhile. The last figure is what an idle agent keeps,
on the heap and beside it, after ${OFTEN} of the lines that are taken.`,
  async run() {
    const figures: Figure[] = [];
    for (const [way, steps] of Object.entries(WAYS)) figures.push(...(await measure(way, steps)));
    return [...figures, await keptAfter('one line of 30 MiB')];
  },
};

async function measure(way: string, steps: (typeof WAYS)[keyof typeof WAYS]): Promise<Figure[]> {
  await using agent = await startAgent({ prompts: { [way]: steps } });
  await agent.run('warm-up');
  const before = peakRss(agent);
  const { value: body, health } = await whileAskingHealth(agent.url, async () =>
    (await agent.post({ prompt: way })).text(),
  );
  const { outcome, warnings } = JSON.parse(body) as { outcome: string; warnings: readonly string[] };
  const latencies = health.map((answer) => answer.ms);
  return [
    seen(`${way}: outcome`, [outcome, ...warnings].join('; ')),
    atMost(`${way}: size of the answer`, Buffer.byteLength(body), ANSWER_BYTES, mb),
    seen(`${way}: peak RSS of the agent, before and with it`, `${mb(before)}, ${mb(peakRss(agent))}`),
    seen(`${way}: \`/health\` p50, slowest`, `${ms(p50(latencies))}, ${ms(Math.max(...latencies))}`),
  ];
}

async function keptAfter(way: keyof typeof WAYS): Promise<Figure> {
  await using agent = await startAgent({ prompts: { [way]: WAYS[way] }, env: WITH_INSPECTOR });
  await runWell(agent, 'warm-up');
  const before = await settledMemory(agent);
  for (let i = 0; i < OFTEN; i += 1) await runWell(agent, way);
  const after = await settledMemory(agent);
  const kept = after.heapUsed + after.external - before.heapUsed - before.external;
  return atMost(`${way}, ${OFTEN} times: what the idle agent keeps more`, kept, KEPT_BYTES, mb);
}
