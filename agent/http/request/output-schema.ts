import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Includes the start of the thread; an ordinary schema takes a few milliseconds. */
const WAIT_MS = 10_000;
/** `claude` inlines the target of every `$ref`: a schema of 64 kB can become 4 GB of code and exhaust the container. */
const MAX_WRITTEN_OUT_CHARS = 16 * 1_048_576;
const MEMORY_MB = 128;
const STACK_MB = 8;
const MISTAKE_CHARS = 300;
const TOO_LARGE = 'it takes too much time or memory to compile. Use fewer parts or fewer references';
const OF_A_LARGE_ONE: ReadonlySet<string> = new Set(['ABORT_ERR', 'ERR_WORKER_OUT_OF_MEMORY']);

let worker: Worker | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Finds out why `claude` would reject a JSON Schema. Schemas are checked one after the other in a separate thread, because
 * one can take seconds.
 * @returns a clause; undefined for a valid schema.
 */
export async function schemaMistake(schema: object): Promise<string | undefined> {
  const text = JSON.stringify(schema);
  if ((text.split('"$ref"').length - 1) * text.length > MAX_WRITTEN_OUT_CHARS) return TOO_LARGE;
  const mistake = last.then(() => ask(text));
  last = mistake.catch(() => undefined);
  return mistake;
}

async function ask(text: string): Promise<string | undefined> {
  const thread = (worker ??= start());
  const answer = once(thread, 'message', { signal: AbortSignal.timeout(WAIT_MS) }) as Promise<[string]>;
  thread.postMessage(text);
  try {
    const [mistake] = await answer;
    return mistake === '' ? undefined : mistake.slice(0, MISTAKE_CHARS);
  } catch (error) {
    await thread.terminate();
    if (OF_A_LARGE_ONE.has((error as NodeJS.ErrnoException).code ?? '')) return TOO_LARGE;
    throw error;
  }
}

function start(): Worker {
  const thread = new Worker(new URL('output-schema-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB, stackSizeMb: STACK_MB },
  });
  thread.unref();
  // An error ends the thread and is reported to the caller.
  thread.on('error', () => undefined);
  thread.once('exit', () => {
    if (worker === thread) worker = undefined;
  });
  return thread;
}
