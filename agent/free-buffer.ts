/**
 * Frees the memory of a buffer at once, which is empty from then on. Left to the garbage collector, it would stay until the next
 * collection of everything. Does nothing if the memory is shared with other buffers.
 */
export function freeBuffer({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}
