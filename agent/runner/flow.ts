import { CHANNEL, CHUNK_BYTES, ProtocolError, WINDOW_BYTES, type Channel } from './protocol.ts';

/** Data is acknowledged in steps of this size. */
const STEP_BYTES = WINDOW_BYTES / 4;

/** Sends the data of a channel, never more than the window ahead of what the other side has taken. */
export class Outlet {
  readonly #channel: number;
  readonly #send: (frame: Buffer) => void;
  readonly #queue: Buffer[] = [];
  #window = WINDOW_BYTES;
  /** Totals since the beginning. */
  #written = 0;
  #sent = 0;
  #waiting: { readonly until: number; readonly resolve: () => void }[] = [];
  #hasEnded = false;

  constructor(channel: Channel, send: (frame: Buffer) => void) {
    this.#channel = CHANNEL[channel];
    this.#send = send;
  }

  write(data: Buffer): void {
    if (this.#hasEnded) return;
    this.#written += data.length;
    this.#queue.push(data);
    this.#flush();
  }

  /** Whether data waits for the other side. A source that can wait should do so until {@link sent} settles. */
  get isFull(): boolean {
    return this.#sent < this.#written && !this.#hasEnded;
  }

  /** Whether the connection has ended. What is written then is dropped. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  end(): void {
    this.#hasEnded = true;
    this.#queue.length = 0;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** Settles when all that is written so far is sent, or the connection has ended. */
  sent(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#waiting.push({ until: this.#written, resolve: () => resolve(undefined) });
    return promise;
  }

  /** The other side has taken this much. */
  acknowledge(bytes: number): void {
    this.#window += bytes;
    if (this.#window > WINDOW_BYTES) throw new ProtocolError('more was acknowledged than sent');
    this.#flush();
  }

  #flush(): void {
    for (let next = this.#queue[0]; next && (this.#window > 0 || next.length === 0); next = this.#queue[0]) {
      const data = next.subarray(0, Math.min(CHUNK_BYTES, this.#window));
      if (data.length === next.length) this.#queue.shift();
      else this.#queue[0] = next.subarray(data.length);
      this.#window -= data.length;
      this.#sent += data.length;
      if (data.length > 0) this.#send(Buffer.concat([Buffer.of(this.#channel), data]));
    }
    const due = this.#waiting.filter(({ until }) => until <= this.#sent);
    this.#waiting = this.#waiting.filter(({ until }) => until > this.#sent);
    for (const { resolve } of due) resolve();
  }
}

/** Acknowledges the data of a channel as it is taken, and holds the other side to the window. */
export class Inlet {
  readonly #acknowledge: (bytes: number) => void;
  #received = 0;
  #taken = 0;

  constructor(acknowledge: (bytes: number) => void) {
    this.#acknowledge = acknowledge;
  }

  /** Call for all data. @throws {ProtocolError} if the other side sent more than the window. */
  receive(bytes: number): void {
    this.#received += bytes;
    if (this.#received > WINDOW_BYTES) throw new ProtocolError('more than the window was sent');
  }

  /** Call when received data needs no memory any more. */
  take(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < STEP_BYTES) return;
    this.#received -= this.#taken;
    this.#acknowledge(this.#taken);
    this.#taken = 0;
  }
}

/** The data of a channel for a reader that is slower than the connection. At most the window waits in it. */
export class ByteQueue {
  readonly #inlet: Inlet;
  readonly #chunks: Buffer[] = [];
  #wake = Promise.withResolvers<undefined>();
  #hasEnded = false;

  constructor(acknowledge: (bytes: number) => void) {
    this.#inlet = new Inlet(acknowledge);
  }

  /** No more data follows. */
  end(): void {
    this.#hasEnded = true;
    this.#wake.resolve(undefined);
  }

  /** @throws {ProtocolError} if the other side sent more than the window. */
  push(data: Buffer): void {
    this.#inlet.receive(data.length);
    this.#chunks.push(data);
    this.#wake.resolve(undefined);
  }

  /**
   * The next data, one to `most` bytes; none at the end. One reader at a time.
   */
  async read(most: number): Promise<Buffer> {
    while (this.#chunks.length === 0 && !this.#hasEnded) {
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    const [first = Buffer.alloc(0)] = this.#chunks;
    const data = first.subarray(0, most);
    if (data.length === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(data.length);
    this.#inlet.take(data.length);
    return data;
  }
}
