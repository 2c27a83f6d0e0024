import type { z } from 'zod';

import { codeOf, isTimeout } from './causes.ts';

/** Why an answer was not read to its end. */
export interface Incomplete {
  readonly kind: 'too-large' | 'connection-lost' | 'timeout';
  /** For people, such as "it is longer than 64 KiB". */
  readonly reason: string;
}

/** A body, or its beginning. */
export interface Body {
  readonly text: string;
  /** Undefined if `text` is the whole body. */
  readonly incomplete: Incomplete | undefined;
}

/** Reads at most `maxBytes` of a body. A failure on the way is returned, not thrown. */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  timeoutMs: number,
): Promise<Body> {
  const chunks: Uint8Array[] = [];
  let incomplete: Incomplete | undefined;
  try {
    let left = maxBytes;
    // Leaving the loop cancels the stream, which closes the connection.
    for await (const chunk of body ?? []) {
      chunks.push(chunk.subarray(0, left));
      left -= chunk.byteLength;
      if (left >= 0) continue;
      incomplete = { kind: 'too-large', reason: `it is longer than ${maxBytes / 1024} KiB` };
      break;
    }
  } catch (error) {
    incomplete = isTimeout(error)
      ? { kind: 'timeout', reason: `it took longer than ${timeoutMs / 1000} s` }
      : { kind: 'connection-lost', reason: `the connection was lost (${codeOf(error)})` };
  }
  return { text: Buffer.concat(chunks).toString(), incomplete };
}

/** Parses a body; text that is not JSON fails like JSON that does not fit the schema. */
export function parseBody<T>(schema: z.ZodType<T>, text: string): z.ZodSafeParseResult<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return schema.safeParse(json);
}

/** Somebody else's text, cut to a length that people read. */
export const shortened = (text: string, chars = 500): string =>
  text.length <= chars ? text : `${text.slice(0, chars - 1)}…`;
