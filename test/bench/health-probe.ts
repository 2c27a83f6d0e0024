import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** One answer of `/health`: when it was asked for, in milliseconds since the epoch, and how long it took. */
export interface HealthAnswer {
  readonly at: number;
  readonly ms: number;
}

/** Asking goes on for so long after the work, so that what is still under way is seen. */
const AFTERWARDS_MS = 100;

/**
 * Does some work, asking `/health` all the while.
 * @throws when it does not answer with 200.
 */
export async function whileAskingHealth<T>(
  url: string,
  work: () => Promise<T>,
): Promise<{ value: T; health: readonly HealthAnswer[] }> {
  const worker = new Worker(new URL('health-worker.ts', import.meta.url), { workerData: { url } });
  try {
    await once(worker, 'message');
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
    failed.catch(() => undefined);
    const value = await Promise.race([work(), failed]);
    await sleep(AFTERWARDS_MS);
    const answers = once(worker, 'message') as Promise<[HealthAnswer[]]>;
    worker.postMessage('stop');
    return { value, health: (await answers)[0] };
  } finally {
    await worker.terminate();
  }
}
