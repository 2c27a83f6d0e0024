/**
 * What the program and its client say to each other: a JSON object per line.
 * @module
 */
import type { ProcessCommand, ProcessExit } from '../../../agent/claude/host.ts';
import { LineSplitter } from '../../../agent/claude/lines.ts';

/** `id` names a process; the client chooses it. */
export type ToHost =
  | { readonly do: 'start'; readonly id: number; readonly command: ProcessCommand }
  | { readonly do: 'write'; readonly id: number; readonly text: string }
  | { readonly do: 'closeStdin'; readonly id: number }
  | { readonly do: 'signal'; readonly id: number; readonly name: 'SIGTERM' | 'SIGKILL' }
  | ({ readonly do: 'ask'; readonly question: number } & Question);

/** What the host answers when it is done. */
export type Question =
  | { readonly what: 'sweep' | 'residentBytes'; readonly id: number }
  | { readonly what: 'killLeftovers'; readonly instance: string };

/** `data` is base64. */
export type ToClient =
  | { readonly say: 'stdout' | 'stderr'; readonly id: number; readonly data: string }
  | { readonly say: 'exit'; readonly id: number; readonly exit: ProcessExit }
  | { readonly say: 'outputEnd'; readonly id: number }
  | { readonly say: 'answer'; readonly question: number; readonly value: number }
  | { readonly say: 'failure'; readonly question: number; readonly error: string };

const MAX_FRAME_BYTES = 64 * 1_048_576;

/** A message as a frame. */
export const frameOf = (message: ToHost | ToClient) => `${JSON.stringify(message)}\n`;

/** Returns a function that takes what was read and returns the messages that are complete. */
export function frameReader<T extends ToHost | ToClient>(): (chunk: Buffer) => T[] {
  const lines = new LineSplitter(MAX_FRAME_BYTES);
  return (chunk) => lines.push(chunk).map((line) => JSON.parse(line) as T);
}
