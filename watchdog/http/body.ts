import { codeOf, isTimeout } from './causes.ts';

/** Why not all of an answer was read. */
export interface Cut {
  readonly kind: 'too-long' | 'broken-off' | 'too-late';
  /** For people, such as "it is longer than 64 KiB". */
  readonly reason: string;
}

/** A body, or its beginning. */
export interface Body {
  readonly text: string;
  /** Undefined where `text` is all of it. */
  readonly cut: Cut | undefined;
}

/** Reads the beginning of a body, never more than `maxBytes` of it. What breaks it off is told, not thrown. */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  timeoutMs: number,
): Promise<Body> {
  const chunks: Uint8Array[] = [];
  let cut: Cut | undefined;
  try {
    let left = maxBytes;
    // Leaving the loop cancels the stream, which closes the connection.
    for await (const chunk of body ?? []) {
      chunks.push(chunk.subarray(0, left));
      left -= chunk.byteLength;
      if (left >= 0) continue;
      cut = { kind: 'too-long', reason: `it is longer than ${maxBytes / 1024} KiB` };
      break;
    }
  } catch (error) {
    cut = isTimeout(error)
      ? { kind: 'too-late', reason: `it took longer than ${timeoutMs / 1000} s` }
      : { kind: 'broken-off', reason: `it broke off (${codeOf(error)})` };
  }
  return { text: Buffer.concat(chunks).toString(), cut };
}

/** JSON, or undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A text of somebody else's, no longer than people read. */
export const shortened = (text: string, chars = 500): string =>
  text.length <= chars ? text : `${text.slice(0, chars - 1)}…`;
