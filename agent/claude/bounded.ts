/**
 * Bounds for JSON from Claude. Values that are nested too deep make `JSON.stringify` and SQLite's JSON functions throw (the
 * latter at 1,000 levels), and values that are too large make every list of runs large.
 * @module
 */

/** How deep objects and arrays may be nested. */
export const MAX_JSON_LEVELS = 100;

/** How many denied tool calls of a run are listed, and how many characters of JSON the input of one may take. */
export const MAX_DENIALS = 20;
export const MAX_INPUT_CHARS = 8192;
const MAX_NAME_CHARS = 200;

/** A value within the bounds, or why it is not. */
export type Bounded = { readonly value: unknown } | { readonly problem: string };

/** A tool call that was denied, with the CLI's own field names. */
export interface DeniedTool {
  readonly tool_name: string;
  readonly tool_use_id: string;
  readonly tool_input: unknown;
}

/** Denied tool calls within the bounds. */
export interface BoundedDenials {
  readonly listed: readonly DeniedTool[];
  /** How many more there were. */
  readonly unlisted: number;
}

/** @param maxChars how many characters of JSON the value may take. */
export function bounded(value: unknown, maxChars: number): Bounded {
  if (isDeeperThan(MAX_JSON_LEVELS, value)) return { problem: `nested more than ${MAX_JSON_LEVELS} levels deep` };
  return charsOf(value) > maxChars ? { problem: `longer than ${maxChars} characters` } : { value };
}

/** Replaces tool input that is too deep or too large by a note. */
export function boundedDenials(denials: readonly DeniedTool[]): BoundedDenials {
  const listed = denials.slice(0, MAX_DENIALS).map(({ tool_name, tool_use_id, tool_input }): DeniedTool => {
    const input = bounded(tool_input, MAX_INPUT_CHARS);
    return {
      tool_name: tool_name.slice(0, MAX_NAME_CHARS),
      tool_use_id: tool_use_id.slice(0, MAX_NAME_CHARS),
      tool_input: 'problem' in input ? `(left out: ${input.problem})` : input.value,
    };
  });
  return { listed, unlisted: denials.length - listed.length };
}

/** Whether objects and arrays are nested deeper than that. Without recursion, which could overflow the stack. */
export function isDeeperThan(levels: number, value: unknown): boolean {
  let level = [value].filter(isNested);
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === levels) return true;
    level = level.flatMap((each) => Object.values(each).filter(isNested));
  }
  return false;
}

const isNested = (value: unknown) => typeof value === 'object' && value !== null;

const charsOf = (value: unknown) => (value === undefined ? 0 : JSON.stringify(value).length);
