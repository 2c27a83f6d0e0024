import type { z } from 'zod';
import type { ProblemKind } from './problems.ts';

/** One thing that the agent does for a client: what the OpenAPI document says of it, and what the server is made from. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With parameters in braces, as OpenAPI has it: `/runs/{id}`. */
  readonly path: string;
  /** The tokens that open it. */
  readonly tokens: readonly ('api' | 'watchdog')[];
  readonly summary: string;
  /** Markdown. */
  readonly description: string;
  readonly pathParameters?: Readonly<Record<string, Parameter>>;
  /** The query; nothing else may be in it. */
  readonly query?: z.ZodObject;
  readonly headers?: Readonly<Record<string, Parameter>>;
  readonly body?: { readonly schema: z.ZodType; readonly required: boolean; readonly example: unknown };
  /** The answers that are no problems, by status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** The problems that it answers with besides those of every operation; see {@link problemsOf}. */
  readonly problems: readonly ProblemKind[];
}

/** A parameter of the path, or a header of a request. */
export interface Parameter {
  readonly description: string;
  readonly schema: z.ZodType;
  readonly example: string;
}

/** An answer that is no problem. */
export interface Answer {
  readonly description: string;
  /** Its headers besides `Content-Type`, each of them always there. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, JSON where nothing else is said; without content it is empty. Of an event stream, one event. */
  readonly content?: { readonly mediaType?: string; readonly schema: z.ZodType; readonly example?: unknown };
}

/** Whatever needs a token needs the records too. */
const OF_WHAT_NEEDS_A_TOKEN = ['unauthorized', 'storage'] as const;

/** Every kind of problem that an operation answers with. */
export function problemsOf({ tokens, problems }: Operation): ProblemKind[] {
  const usual = tokens.length > 0 ? OF_WHAT_NEEDS_A_TOKEN : (['forbidden'] as const);
  return [...new Set([...usual, ...problems, 'internal' as const])];
}
