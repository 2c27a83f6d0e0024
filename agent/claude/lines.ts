const NEWLINE = 0x0a;

/** Splits a byte stream into lines and keeps at most one line of `maxBytes` in memory. Longer lines are dropped. */
export class LineSplitter {
  /** How many lines were too long. A line counts as soon as it exceeds the limit. */
  dropped = 0;
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds a chunk and returns the lines that it completes, without their newlines. */
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

  /** Returns the rest after the last newline as a line, if there is any. */
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
