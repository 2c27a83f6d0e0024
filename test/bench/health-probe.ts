import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** One response of `/health`: the time of the request, in milliseconds since the epoch, and the duration in milliseconds. */
export interface HealthResponse {
  readonly at: number;
  readonly ms: number;
}

/** How long requests continue after the work, to include those in progress at its end. */
const AFTERWARDS_MS = 100;

/**
 * Does some work and sends requests to `/health` meanwhile.
 * @throws if a response is not 200.
 */
export async function whileProbingHealth<T>(
  url: string,
  work: () => Promise<T>,
): Promise<{ value: T; health: readonly HealthResponse[] }> {
  const worker = new Worker(new URL('health-worker.ts', import.meta.url), { workerData: { url } });
  try {
    await once(worker, 'message');
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
    failed.catch(() => undefined);
    const value = await Promise.race([work(), failed]);
    await sleep(AFTERWARDS_MS);
    const responses = once(worker, 'message') as Promise<[HealthResponse[]]>;
    worker.postMessage('stop');
    return { value, health: (await responses)[0] };
  } finally {
    await worker.terminate();
  }
}
