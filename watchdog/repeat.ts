import { setTimeout as sleep } from 'node:timers/promises';

/** What {@link repeat} does, and how often. */
export interface Repetition {
  readonly work: () => Promise<unknown>;
  /** Called when {@link work} has rejected; the next one is done all the same. */
  readonly onError: (error: unknown) => void;
  /** From the beginning of one to that of the next. One that takes longer is not overtaken, and none is made up for. */
  readonly everyMs: number;
}

/** Works at once and then again and again, until a signal, which lets work in progress end. */
export async function repeat({ work, onError, everyMs }: Repetition, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const began = performance.now();
    await work().catch(onError);
    const left = Math.max(0, began + everyMs - performance.now());
    await sleep(left, undefined, { signal: stop }).catch(() => undefined);
  }
}
