/**
 * What the scripted CLI does, as a JSON file: a list of steps for each prompt.
 * @module
 */

/** One step. Times are milliseconds. */
export type Step =
  /** Write this event. */
  | { readonly do: 'event'; readonly event: object }
  /** Write this line as it is. */
  | { readonly do: 'line'; readonly line: string }
  /** Write to stderr. */
  | { readonly do: 'stderr'; readonly text: string }
  /** Stream text in deltas, as `--include-partial-messages` does. */
  | { readonly do: 'stream'; readonly deltas: readonly string[]; readonly every: number }
  /** Say a whole message. */
  | { readonly do: 'say'; readonly text: string }
  /** End the turn well; `$PROMPT` stands for the prompt. */
  | { readonly do: 'result'; readonly text: string }
  /** End the turn as the CLI does when the API refused: a message with the kind, and a result that calls itself a success. */
  | { readonly do: 'refuse'; readonly kind: string; readonly status?: number; readonly text: string }
  /** Write a result whose text has this many bytes. */
  | { readonly do: 'flood'; readonly bytes: number }
  /** Write this many messages of a mebibyte each. */
  | { readonly do: 'messages'; readonly count: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** Do nothing until ended. */
  | { readonly do: 'hang' }
  /** From now on ignore signals, the control channel and the end of stdin. */
  | { readonly do: 'ignore' }
  /** Start a grandchild that sleeps, in a session of its own. */
  | { readonly do: 'setsid' }
  /** Leave a row with what the conversation has cost until now, as the CLI does when it ends. */
  | { readonly do: 'row'; readonly costUsd: number; readonly outputTokens: number }
  /** Run a command by `sh`, in the process group of the CLI, until it ends. */
  | { readonly do: 'shell'; readonly command: string }
  | { readonly do: 'exit'; readonly code: number }
  /** Die by a signal. */
  | { readonly do: 'die'; readonly signal: NodeJS.Signals };

/** The script file. */
export interface Script {
  /** A file that gets a JSON line for each process that starts, that gets its prompt, and that ends by itself. */
  readonly journal: string;
  /** Steps by prompt; `*` for all other prompts. */
  readonly prompts: Readonly<Record<string, readonly Step[]>>;
}

/** A line of the journal; the prompt is empty until there is one. */
export type JournalEntry =
  | {
      readonly what: 'began';
      readonly pid: number;
      readonly prompt: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
    }
  | { readonly what: 'started' | 'ended' | 'grandchild'; readonly pid: number; readonly prompt: string };
