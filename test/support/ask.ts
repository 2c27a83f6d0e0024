import { Claude, type ClaudeOptions, type Exit } from './claude.ts';
import type { ClaudeEvent } from './claude-event.ts';

/** A run from the prompt to the end of the process. */
export interface Finished extends Exit {
  readonly events: readonly ClaudeEvent[];
  /** The result event; an empty object if there was none. */
  readonly result: Partial<ClaudeEvent>;
  /** The assistant's event that reports an error; an empty object if there was none. */
  readonly error: Partial<ClaudeEvent>;
}

/** Sends one prompt to a new process and closes stdin after the result. */
export async function ask(prompt: string, options: ClaudeOptions): Promise<Finished> {
  await using claude = new Claude(options);
  claude.send(prompt);
  await claude.ended();
  claude.closeStdin();
  const exit = await claude.exited;
  const { events } = claude;
  return {
    ...exit,
    events,
    result: events.find(({ type }) => type === 'result') ?? {},
    error: events.find(({ type, error }) => type === 'assistant' && error !== undefined) ?? {},
  };
}
