import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { freeBuffer } from '../free-buffer.ts';

/** A TLS connection receives at most 16 KiB at a time. A write for each of them costs more than a copy. */
const BATCH_BYTES = 262_144;

/**
 * Streams the body of a response to a client, many pieces at a time, and frees them as it goes. Left to the garbage collector,
 * they are a third of the work: it looks through everything in memory each time that 16 MiB have come.
 * @throws if the body breaks off, or the client goes. The response is then closed too.
 */
export async function passOn(body: IncomingMessage, response: ServerResponse): Promise<void> {
  const { socket } = body;
  // Its listener is called after that of Node's HTTP parser, which keeps only copies.
  socket.on('data', freeBuffer);
  try {
    await pipeline(body, new Batches(response));
  } finally {
    socket.off('data', freeBuffer);
  }
}

/** Writes what it gets to a response, in batches. While one is being written, another is filled. */
class Batches extends Writable {
  readonly #response: ServerResponse;
  #filling: Buffer | undefined = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #spare: Buffer | undefined = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #filled = 0;
  /** Goes on when there is room. */
  #goOn: (() => void) | undefined;
  #next: NodeJS.Immediate | undefined;

  constructor(response: ServerResponse) {
    super({ highWaterMark: BATCH_BYTES });
    this.#response = response;
    response.once('close', () => {
      if (!response.writableFinished) this.destroy(new Error('The client has gone.'));
    });
  }

  override _write(piece: Buffer, _encoding: unknown, done: () => void): void {
    this.#copy(piece, 0, done);
  }

  override _final(done: () => void): void {
    this.#send();
    this.#response.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearImmediate(this.#next);
    if (error) this.#response.destroy();
    done(error);
  }

  #copy(piece: Buffer, from: number, done: () => void): void {
    let at = from;
    while (at < piece.length) {
      if (!this.#filling) {
        this.#goOn = () => this.#copy(piece, at, done);
        return;
      }
      const copied = piece.copy(this.#filling, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled === BATCH_BYTES) this.#send();
    }
    freeBuffer(piece);
    // Nothing is held back when no more has come.
    this.#next ??= setImmediate(() => this.#send());
    done();
  }

  #send(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
    const batch = this.#filling;
    if (!batch || this.#filled === 0) return;
    const bytes = batch.subarray(0, this.#filled);
    this.#filling = this.#spare;
    this.#spare = undefined;
    this.#filled = 0;
    this.#response.write(bytes, (error) => (error ? this.destroy(error) : this.#written(batch)));
  }

  #written(batch: Buffer): void {
    if (this.#filling) {
      this.#spare = batch;
      return;
    }
    this.#filling = batch;
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }
}
