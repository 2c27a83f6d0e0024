const NEWLINE = 0x0a;

/** Cuts a byte stream into lines and keeps at most one line of `maxBytes` in memory: longer ones are dropped. */
export class LineSplitter {
  /** How many lines were too long, counted as soon as they are. */
  dropped = 0;
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes a chunk and returns the lines that it completes, without their newlines. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#append(chunk.subarray(start, end));
      lines.push(...this.flush());
      start = end + 1;
    }
    this.#append(chunk.subarray(start));
    return lines;
  }

  /** Returns what stands behind the last newline as a line, if anything does. */
  flush(): string[] {
    const line = Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.#length = 0;
    return line === '' ? [] : [line];
  }

  #append(part: Buffer): void {
    const fitted = this.#length <= this.#maxBytes;
    this.#length += part.length;
    if (this.#length <= this.#maxBytes) this.#parts.push(part);
    else if (fitted) {
      this.#parts = [];
      this.dropped += 1;
    }
  }
}
