/**
 * Directives tell the double what to do: any number of `[[name]]` or `[[name:value]]` anywhere in the prompt. The rest of
 * the prompt is its text.
 * @module
 */

/** The directives of one prompt. Times are milliseconds. */
export interface Directives {
  /** A name in the table of failures, or an HTTP status: respond with that error. */
  readonly fail?: string;
  /** Fail only this many requests of the same prompt, then answer. */
  readonly times?: number;
  /** With the failure `usage_limit`: seconds from now until it resets, also negative, or `none`. */
  readonly resets?: string;
  /** Bash commands to run one after the other by tool use, before the final answer. */
  readonly bash: readonly string[];
  /** Tools to use after them: the name of each, a space, and its input as JSON. */
  readonly tool: readonly string[];
  /** Use all of these tools in one message. */
  readonly together: boolean;
  /** Pause before the answer begins. */
  readonly wait?: number;
  /** Pause before each delta of the stream. */
  readonly slow?: number;
  /** Destroy the socket after this many text deltas. */
  readonly cut?: number;
  /** End the body properly after this many text deltas, although the message is incomplete. */
  readonly truncate?: number;
  /** Accept the request and never respond. */
  readonly hang: boolean;
  /** Answer with an empty text. */
  readonly empty: boolean;
  /** Answer with this many bytes of text. */
  readonly huge?: number;
  /** Answer with exactly this text. */
  readonly say?: string;
  /** The input of the StructuredOutput tool as JSON, or `none` to not match the schema. */
  readonly structured?: string;
  /** What each answer has used, as JSON, in the place of a rough count. */
  readonly usage?: string;
}

/** A parsed prompt. */
export interface ParsedPrompt {
  readonly text: string;
  readonly directives: Directives;
}

const DIRECTIVE = /\[\[([a-z]+)(?::(.*?))?\]\](?!\])/gs;

/** Splits `prompt` into its text and its directives. `defaults` apply if the prompt has no directives. */
export function parsePrompt(prompt: string, defaults = ''): ParsedPrompt {
  const own = [...prompt.matchAll(DIRECTIVE)];
  const found = own.length > 0 ? own : [...defaults.matchAll(DIRECTIVE)];
  const last = (name: string) => found.findLast((match) => match[1] === name);
  const value = (name: string) => last(name)?.[2];
  const number = (name: string) => (value(name) === undefined ? undefined : Number(value(name)));
  const directives = {
    fail: value('fail'),
    times: number('times'),
    resets: value('resets'),
    bash: found.filter((match) => match[1] === 'bash').map((match) => match[2] ?? ''),
    tool: found.filter((match) => match[1] === 'tool').map((match) => match[2] ?? ''),
    together: last('together') !== undefined,
    wait: number('wait'),
    slow: number('slow'),
    cut: number('cut'),
    truncate: number('truncate'),
    hang: last('hang') !== undefined,
    empty: last('empty') !== undefined,
    huge: number('huge'),
    say: value('say'),
    structured: value('structured'),
    usage: value('usage'),
  };
  return {
    text: prompt.replaceAll(DIRECTIVE, '').trim(),
    directives: Object.fromEntries(Object.entries(directives).filter(([, held]) => held !== undefined)) as never,
  };
}
