import { containerMemory } from '../claude/available-memory.ts';

const CHECK_MS = 100;
/** A run that gets to this share of the container's memory is ended, before the kernel ends the container. */
const SHARE = 0.9;
const MEBIBYTE = 1_048_576;

/**
 * Watches the memory of the container during a run. Does nothing if it has no limit.
 * @param onReached called once, with the figures in a sentence.
 * @returns ends the watch.
 */
export function watchMemory(onReached: (reason: string) => void): () => void {
  const memory = containerMemory();
  if (!memory) return () => undefined;
  const timer = setInterval(() => {
    if (!memory.uses(memory.limit * SHARE)) return;
    clearInterval(timer);
    onReached(
      `It used ${mebibytes(memory.used())} of the ${mebibytes(memory.limit)} MiB of memory that its container has. ` +
        `At ${SHARE * 100} % a run is ended.`,
    );
  }, CHECK_MS);
  return () => clearInterval(timer);
}

const mebibytes = (bytes: number) => Math.round(bytes / MEBIBYTE).toLocaleString('en-US');
