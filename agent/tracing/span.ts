import type { Usage } from '../http/api/run.ts';

/** Values of attributes of spans: names, numbers and ids, never a prompt, an answer, or the input or output of a tool. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;

const NAME = /^[\w.:@/[\]-]{1,200}$/;

/** A name or an id. Undefined for anything that could be a text, which a run may have put in its place. */
export function nameIn(value: string): string | undefined {
  return NAME.test(value) ? value : undefined;
}

/** The attributes that are known. */
export function present(
  attributes: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>,
): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as Attributes;
}

/**
 * Tokens by the semantic conventions, in which the input of a model includes what it read from a cache and wrote to one;
 * Anthropic counts these apart.
 */
export function tokenAttributes(used: { readonly [K in keyof Usage]?: number | undefined }): Record<
  string,
  number | undefined
> {
  const { inputTokens, outputTokens, cacheReadInputTokens: read, cacheCreationInputTokens: created } = used;
  return {
    'gen_ai.usage.input_tokens': inputTokens === undefined ? undefined : inputTokens + (read ?? 0) + (created ?? 0),
    'gen_ai.usage.output_tokens': outputTokens,
    'gen_ai.usage.cache_read.input_tokens': read,
    'gen_ai.usage.cache_creation.input_tokens': created,
  };
}

/** A span that has ended. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly parentId: string | undefined;
  /** Whether the parent is a span of another program. */
  readonly isParentRemote?: boolean;
  /** The `tracestate` of the trace. */
  readonly state?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  readonly isError: boolean;
  /** The version of the CLI, if the span is its own. */
  readonly ofClaude?: string | undefined;
}
