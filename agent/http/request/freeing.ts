import { freeBuffer } from '../../free-buffer.ts';

/** The buffers of a parser are not freed. The longest that one keeps is a boundary of multipart, from a header of at most 16 KiB. */
const FREED_BYTES = 32_768;

/**
 * Frees each chunk of a body when the next is asked for. Left to the garbage collector, they would be up to 80 MiB, and each
 * new one would be in memory that the system has to provide.
 */
export async function* freeing(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    if (chunk.length >= FREED_BYTES) freeBuffer(chunk);
  }
}
