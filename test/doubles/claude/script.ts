/**
 * What the scripted CLI does, as a JSON file: a list of steps for each prompt.
 * @module
 */

/** One step. Times are milliseconds. */
export type Step =
  /** Write this event. */
  | { readonly do: 'event'; readonly event: object }
  /** Write this line unchanged. */
  | { readonly do: 'line'; readonly line: string }
  /** Write to stderr. */
  | { readonly do: 'stderr'; readonly text: string }
  /** Stream text in deltas, like `--include-partial-messages`. */
  | { readonly do: 'stream'; readonly deltas: readonly string[]; readonly every: number }
  /** Write a whole message. */
  | { readonly do: 'say'; readonly text: string }
  /** End the turn successfully; `$PROMPT` stands for the prompt. */
  | { readonly do: 'result'; readonly text: string }
  /** End the turn like the CLI when the API refuses: a message with the kind, and a result with subtype success. */
  | { readonly do: 'refuse'; readonly kind: string; readonly status?: number; readonly text: string }
  /** Write a result whose text has this many bytes. */
  | { readonly do: 'flood'; readonly bytes: number }
  /** Write this many messages of one mebibyte each. */
  | { readonly do: 'messages'; readonly count: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** Do nothing until ended. */
  | { readonly do: 'hang' }
  /** From now on ignore signals, the control channel and the end of stdin. */
  | { readonly do: 'ignore' }
  /** Start a sleeping grandchild in its own session. */
  | { readonly do: 'setsid' }
  /** Write a row with the cost of the conversation so far, like the CLI when it exits. */
  | { readonly do: 'row'; readonly costUsd: number; readonly outputTokens: number }
  /** Run a command with `sh` in the process group of the CLI, with the prompt in `PROMPT`, and wait for it. */
  | { readonly do: 'shell'; readonly command: string }
  | { readonly do: 'exit'; readonly code: number }
  /** Die from a signal. */
  | { readonly do: 'die'; readonly signal: NodeJS.Signals };

/** The script file. */
export interface Script {
  /** A file that gets a JSON line for each process that starts, gets its prompt, or exits by itself. */
  readonly journal: string;
  /** Steps by prompt; `*` for all other prompts. */
  readonly prompts: Readonly<Record<string, readonly Step[]>>;
}

/** What a message of the user consists of. */
export type Content = string | readonly { readonly type: string; readonly text?: string }[];

/** A line of the journal; the prompt is empty until there is one. */
export type JournalEntry =
  | {
      readonly what: 'began';
      readonly pid: number;
      readonly parent: number;
      readonly prompt: string;
      readonly content: Content;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
    }
  | { readonly what: 'started' | 'ended' | 'grandchild'; readonly pid: number; readonly prompt: string };
