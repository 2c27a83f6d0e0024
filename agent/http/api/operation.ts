import type { z } from 'zod';
import { CALLER_RIGHTS, type CallerRight } from '../../contract.ts';
import type { ProblemKind } from './problems.ts';

/** One operation of the API. The routes and the OpenAPI document are built from it. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With parameters in braces, as in OpenAPI: `/runs/{id}`. */
  readonly path: string;
  /** Any of these rights of a caller gives access to it, and so does `admin`; none: it needs no token. */
  readonly rights: readonly (CallerRight | 'watchdog')[];
  readonly summary: string;
  /** Markdown. */
  readonly description: string;
  readonly pathParameters?: Readonly<Record<string, Parameter>>;
  /** The query; no other parameters are allowed. */
  readonly query?: z.ZodObject;
  readonly headers?: Readonly<Record<string, Parameter>>;
  readonly body?: {
    readonly schema: z.ZodType;
    readonly required: boolean;
    readonly example?: unknown;
    /** JSON by default. */
    readonly mediaType?: string;
    /** Whether it may also be `multipart/form-data`, with the JSON in the part `request` and files in others. */
    readonly orMultipart?: boolean;
  };
  /** The responses that are not problems, by status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** The problems that it can respond with besides those of every operation; see {@link problemsOf}. */
  readonly problems: readonly ProblemKind[];
}

/** A parameter of the path, or a header of a request. */
export interface Parameter {
  readonly description: string;
  readonly schema: z.ZodType;
  readonly example: string;
}

/** A response that is not a problem. */
export interface Answer {
  readonly description: string;
  /** Its headers besides `Content-Type`; each is always present. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, JSON by default; without content it is empty. For an event stream, one event. */
  readonly content?: Content;
  /** The same in another media type, if the client prefers it. */
  readonly orAs?: Content;
}

/** The body of a response. */
export interface Content {
  readonly mediaType?: string;
  readonly schema: z.ZodType;
  readonly example?: unknown;
}

/** Every operation that needs a token also needs the records. */
const OF_WHAT_NEEDS_A_TOKEN = ['unauthorized', 'too-many-wrong-tokens', 'storage'] as const;
/** Every operation may be called from the wrong place. */
const OF_ADDRESSES = ['unknown-address', 'address-not-allowed'] as const;

/** Every kind of problem that an operation can respond with. */
export function problemsOf({ rights, problems }: Operation): ProblemKind[] {
  const usual = rights.length > 0 ? OF_WHAT_NEEDS_A_TOKEN : (['forbidden'] as const);
  const mayLackRight =
    rights.length > 0 && !CALLER_RIGHTS.every((right) => right === 'admin' || rights.includes(right));
  const lacking = mayLackRight ? (['missing-right'] as const) : [];
  return [...new Set([...OF_ADDRESSES, ...usual, ...lacking, ...problems, 'internal' as const])];
}
