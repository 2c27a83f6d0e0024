/** How much of the end of stderr is kept, in UTF-16 code units. */
const STDERR_CHARS = 8192;

/** Thrown when a runner is of an earlier version, which runs no programs. */
export class EarlierRunnerError extends Error {
  override readonly name = 'EarlierRunnerError';

  constructor() {
    super('Its runner is of an earlier version, which runs no programs besides claude.');
  }
}

/** The end of what a program writes. */
export class TextEnd {
  #text = '';

  append(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('utf8')).slice(-STDERR_CHARS);
  }

  toString(): string {
    return this.#text.trim();
  }
}
