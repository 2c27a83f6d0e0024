/** Text that keeps its first `maxChars` UTF-16 code units and counts the rest. */
export class CappedText {
  /** How many code units did not fit. */
  omitted = 0;
  readonly #maxChars: number;
  #text = '';

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  append(text: string): void {
    const room = this.#maxChars - this.#text.length;
    this.#text += firstChars(text, room);
    this.omitted += Math.max(0, text.length - room);
  }

  clear(): void {
    this.#text = '';
    this.omitted = 0;
  }

  toString(): string {
    return this.#text;
  }
}

/** The first UTF-16 code units of a text, as a copy: in V8 a slice of a string keeps the whole string in memory. */
export function firstChars(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  return Buffer.from(text.slice(0, maxChars), 'utf16le').toString('utf16le');
}
