import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** The start of the thread included; an ordinary schema takes some milliseconds. */
const WAIT_MS = 10_000;
/** `claude` writes out what a `$ref` names, each time: 64 kB of schema can become 4 GB of code, and end the container. */
const MAX_WRITTEN_OUT_CHARS = 16 * 1_048_576;
const MEMORY_MB = 128;
const STACK_MB = 8;
const MISTAKE_CHARS = 300;
const TOO_LARGE = 'it takes too much time or memory to compile. Use fewer parts or fewer references';
const OF_A_LARGE_ONE: ReadonlySet<string> = new Set(['ABORT_ERR', 'ERR_WORKER_OUT_OF_MEMORY']);

let worker: Worker | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * What is wrong with a JSON Schema, where `claude` would refuse it. Schemas are looked at one after the other, in a thread
 * of their own, for one can take seconds.
 * @returns a clause; undefined for a schema that is sound.
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
  // An error ends the thread, and is told to whoever asked.
  thread.on('error', () => undefined);
  thread.once('exit', () => {
    if (worker === thread) worker = undefined;
  });
  return thread;
}
