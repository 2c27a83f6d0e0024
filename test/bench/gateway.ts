import { once } from 'node:events';
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { forkGateway, type GatewayProgram } from '../support/gateway-program.ts';
import { IMAGE_ALLOCATOR, IMAGE_OPTIONS } from './agents.ts';
import { atMost, mb, ms, p50, percentile, ratio, seen, shuffled, type Benchmark, type Figure } from './figures.ts';
import { body, BODY_BYTES, HELLO, send, sendMany, startDouble } from './gateway-requests.ts';
import { lowestMemory } from './memory-of.ts';

const STREAMS = 64;
const WARM_UP = 50;
const PAIRS = 500;
const ADDED_MS = 1.5;
const FEW = 1000;
const MANY = 10_000;
const AT_ONCE = 16;
const GROWTH = 1.1;
const BETWEEN_SAMPLES_MS = 200;

/** A stream of 50 seconds. */
const LONG = body(`[[slow:50]]${'a '.repeat(1000)}`);

export const gateway: Benchmark = {
  name: 'gateway',
  title: 'The gateway',
  about: `Compares requests through the gateway to the same requests to a double of the Anthropic API itself. Both are processes of
their own. Each request has ${BODY_BYTES / 1000} kB, and the time ends with the first byte of the body of a streamed response. There are
${PAIRS} pairs in random order within each pair, after ${WARM_UP} pairs of warm-up, while ${STREAMS} other streams are open through
the gateway, each with a word every 50 ms. Then ${MANY} requests are sent, ${AT_ONCE} at once; the memory of the gateway is the lowest of ten
samples, each after a full garbage collection.`,
  async run() {
    await using api = await startDouble();
    await using own = await forkGateway({ ANTHROPIC_BASE_URL: api.url, ...IMAGE_ALLOCATOR }, IMAGE_OPTIONS);
    return [...(await firstBytes(api.url, own)), ...(await memoryOver(own))];
  },
};

async function firstBytes(apiUrl: string, { url, token, secondToken }: GatewayProgram): Promise<Figure[]> {
  const added: number[] = [];
  const times = { through: [] as number[], direct: [] as number[] };
  const agents = { through: new Agent({ keepAlive: true }), direct: new Agent({ keepAlive: true }) };
  const urls = { through: url, direct: apiUrl };
  const closing = new AbortController();
  const streams = Array.from({ length: STREAMS }, () => keepOpen(url, secondToken, closing.signal));
  await Promise.all(streams.map(({ isOpen }) => isOpen));
  for (let i = 0; i < WARM_UP + PAIRS; i += 1) {
    for (const way of shuffled(['through', 'direct'] as const)) {
      const begun = performance.now();
      const response = await send(urls[way], token, HELLO, agents[way]);
      const ended = once(response, 'end');
      await once(response, 'data');
      if (i >= WARM_UP) times[way].push(performance.now() - begun);
      await ended;
    }
    if (i >= WARM_UP) added.push((times.through.at(-1) ?? NaN) - (times.direct.at(-1) ?? NaN));
  }
  closing.abort();
  await Promise.all(streams.map(({ ended }) => ended));
  for (const agent of Object.values(agents)) agent.destroy();
  return [
    seen('first byte through the gateway p50, p95', both(times.through)),
    seen('first byte directly p50, p95', both(times.direct)),
    seen('difference within a pair p95', ms2(percentile(added, 0.95))),
    atMost(`difference within a pair p50, with ${STREAMS} streams open`, p50(added), ADDED_MS, ms2),
  ];
}

/** Keeps a stream open through the gateway until the signal: when one ends, the next begins. */
function keepOpen(url: string, token: string, signal: AbortSignal) {
  const agent = new Agent({ keepAlive: true });
  const open = Promise.withResolvers<undefined>();
  const ended = (async () => {
    while (!signal.aborted) {
      const response = await send(url, token, LONG, agent);
      const closed = new Promise((resolve) => response.once('close', resolve));
      await once(response, 'data');
      open.resolve(undefined);
      const close = () => response.destroy();
      signal.addEventListener('abort', close);
      await closed;
      signal.removeEventListener('abort', close);
    }
    agent.destroy();
  })();
  ended.catch(open.reject);
  return { isOpen: open.promise, ended };
}

async function memoryOver(own: GatewayProgram): Promise<Figure[]> {
  const memoryAfter = async (count: number) => {
    await sendMany(own, count, AT_ONCE);
    return lowestMemory(async () => {
      await sleep(BETWEEN_SAMPLES_MS);
      return own.memory();
    });
  };
  const few = await memoryAfter(FEW);
  const begun = performance.now();
  const many = await memoryAfter(MANY - FEW);
  const seconds = (performance.now() - begun) / 1000;
  return [
    seen(`RSS, heap used after ${FEW} requests`, `${mb(few.rss)}, ${mb(few.heapUsed)}`),
    seen(`RSS, heap used after ${MANY} requests`, `${mb(many.rss)}, ${mb(many.heapUsed)}`),
    atMost(`heap used after ${MANY} requests / after ${FEW}`, many.heapUsed / few.heapUsed, GROWTH, ratio),
    seen('requests per second, all of them on this machine', ((MANY - FEW) / seconds).toFixed(0)),
  ];
}

const ms2 = (value: number) => `${value.toFixed(2)} ms`;
const both = (times: readonly number[]) => `${ms(p50(times))}, ${ms(percentile(times, 0.95))}`;
