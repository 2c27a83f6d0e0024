import { startAgent } from './agents.ts';
import { atMost, mb, ms, p50, seen, type Benchmark, type Figure } from './figures.ts';
import { whileProbingHealth } from './health-probe.ts';
import { peakRss, settledMemory, WITH_INSPECTOR } from './memory-of.ts';
import { runWell } from './run-well.ts';

const MEBIBYTE = 1_048_576;
/** The number of ended runs whose events the agent keeps. */
const OFTEN = 20;
const KEPT_BYTES = 100 * MEBIBYTE;
/** A mebi of characters, and the other fields of the response. */
const RESPONSE_BYTES = 1.1 * MEBIBYTE;

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
  title: 'A `claude` that writes 60 MiB',
  about: `The scripted CLI writes 60 MiB, once as sixty messages and once as a single line. In a third run, it writes a line
that is close to the longest that the agent accepts. Each run has a new agent. The peak is the kernel's value for the
agent's resident memory (VmHWM). Meanwhile, \`/health\` is requested every 10 ms. The last figure is the additional memory,
on and off the heap, that an idle agent keeps after ${OFTEN} accepted lines.`,
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
  const { value: body, health } = await whileProbingHealth(agent.url, async () =>
    (await agent.post({ prompt: way })).text(),
  );
  const { outcome, warnings } = JSON.parse(body) as { outcome: string; warnings: readonly string[] };
  const latencies = health.map((response) => response.ms);
  return [
    seen(`${way}: outcome`, [outcome, ...warnings].join('; ')),
    atMost(`${way}: size of the response`, Buffer.byteLength(body), RESPONSE_BYTES, mb),
    seen(`${way}: peak RSS of the agent, before and after`, `${mb(before)}, ${mb(peakRss(agent))}`),
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
  return atMost(`${way}, ${OFTEN} times: additional memory of the idle agent`, kept, KEPT_BYTES, mb);
}
