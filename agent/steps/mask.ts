/** What stands in the place of a secret. */
export const MASKED = '[masked]';

/** Shorter ones would also be ordinary words. */
const MIN_SECRET_CHARS = 8;

/**
 * Tokens and keys of Anthropic, of which a new one may not be known yet; tokens of GitHub, of which a GitHub App makes new
 * ones; and the tokens of runs.
 */
const KNOWN_SHAPES = String.raw`sk-ant-[a-z]{3}\d\d-[\w-]{16,}|\b(?:gh[oprsu]|github_pat)_[\w.-]{30,}|\brun_[\w-]{43}`;

/** The beginning of a text without secrets, and how many characters of the text are not in it. */
export interface CutText {
  readonly text: string;
  readonly omitted: number;
}

/** Replaces secrets in texts. Those that it was once given stay secret. */
export class Mask {
  readonly #forms = new Set<string>();
  #longest = 256;
  #pattern = new RegExp(KNOWN_SHAPES, 'g');

  /** Adds secrets, if they are long enough. */
  add(secrets: Iterable<string>): void {
    const before = this.#forms.size;
    for (const secret of secrets) {
      if (secret.length < MIN_SECRET_CHARS) continue;
      // As it is, in JSON, and in JSON that is a string of JSON.
      const once = inJson(secret);
      for (const form of [secret, once, inJson(once)]) this.#forms.add(form);
    }
    if (this.#forms.size === before) return;
    const forms = [...this.#forms].sort((a, b) => b.length - a.length);
    this.#longest = Math.max(this.#longest, forms[0]?.length ?? 0);
    this.#pattern = new RegExp([...forms.map(escaped), KNOWN_SHAPES].join('|'), 'g');
  }

  /** Masks the first `maxChars` characters of a text. A secret that begins in them is masked as a whole. */
  cut(text: string, maxChars: number): CutText {
    const seen = text.length > maxChars ? text.slice(0, maxChars + this.#longest) : text;
    let [masked, at] = ['', 0];
    for (const { 0: secret, index } of seen.matchAll(this.#pattern)) {
      if (index >= maxChars) break;
      masked += seen.slice(at, index) + MASKED;
      at = index + secret.length;
    }
    const end = Math.max(at, Math.min(maxChars, text.length));
    // A copy: a slice would keep the whole text in memory.
    return { text: copied(masked + seen.slice(at, end)), omitted: text.length - end };
  }

  /** The whole text without secrets. */
  all(text: string): string {
    return this.cut(text, Infinity).text;
  }
}

const escaped = (text: string) => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);

const inJson = (text: string) => JSON.stringify(text).slice(1, -1);

const copied = (text: string) => Buffer.from(text, 'utf16le').toString('utf16le');
