import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until, type Agent } from '../support/agent.ts';
import { metricsOf } from './metrics.ts';

/** Memory of an agent, in bytes. */
export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  /** Memory off the heap that objects on the heap own: buffers and large strings. */
  readonly external: number;
}

/** Environment of an agent whose garbage collection can be triggered from outside. */
export const WITH_INSPECTOR = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

const SAMPLES = 10;
const BETWEEN_MS = 200;

/** The memory of an idle agent: the lowest of ten samples over two seconds, each after a full garbage collection. */
export function settledMemory(agent: Agent): Promise<Memory> {
  return lowestMemory(async () => {
    await collectGarbage(agent);
    await sleep(BETWEEN_MS);
    const metrics = await metricsOf(agent);
    return {
      rss: metrics.sum('process_resident_memory_bytes'),
      heapUsed: metrics.sum('nodejs_heap_size_used_bytes'),
      external: metrics.sum('nodejs_external_memory_bytes'),
    };
  });
}

/** The lowest of ten samples. */
export async function lowestMemory(sample: () => Promise<Memory>): Promise<Memory> {
  const samples: Memory[] = [];
  for (let i = 0; i < SAMPLES; i += 1) samples.push(await sample());
  const lowest = (key: keyof Memory) => Math.min(...samples.map((sample) => sample[key]));
  return { rss: lowest('rss'), heapUsed: lowest('heapUsed'), external: lowest('external') };
}

/** The peak of the resident memory of the agent's process, from the Linux kernel, in bytes. */
export function peakRss({ pid }: { readonly pid: number | undefined }): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error('/proc has no peak of the resident memory.');
  return Number(kilobytes) * 1024;
}

/** Triggers a garbage collection through the inspector's protocol, as a debugger does. */
async function collectGarbage(agent: Agent): Promise<void> {
  const url = () => agent.lines.map((line) => /ws:\/\/\S+/.exec(line)?.[0]).find(Boolean);
  await until(() => url() !== undefined, 'the inspector');
  const socket = new WebSocket(url() ?? '');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.onerror = () => reject(new Error('The inspector of the agent cannot be reached.'));
      socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
      socket.onmessage = () => resolve();
    });
  } finally {
    socket.close();
  }
}
