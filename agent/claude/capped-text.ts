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
    this.#text += text.slice(0, room);
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
