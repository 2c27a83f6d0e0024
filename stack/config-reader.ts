import type * as pulumi from '@pulumi/pulumi';

/** What a reader needs of `pulumi.Config`. */
export interface ConfigSource {
  get(key: string): string | undefined;
  getSecret(key: string): pulumi.Output<string> | undefined;
}

/** The stack's configuration can't be used; the message names every mistake. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads typed values and collects what is wrong with them, so that an operator sees all of it at once. */
export class ConfigReader {
  readonly #source: ConfigSource;
  readonly #mistakes: string[] = [];

  constructor(source: ConfigSource) {
    this.#source = source;
  }

  /** Adds a mistake that concerns more than one key. */
  mistake(text: string): void {
    this.#mistakes.push(text);
  }

  /** @throws ConfigError when anything read so far was wrong. */
  finish(): void {
    if (this.#mistakes.length === 0) return;
    const list = this.#mistakes.map((mistake) => `  - ${mistake}`).join('\n');
    throw new ConfigError(
      `The stack's configuration has ${this.#mistakes.length} mistake(s):\n${list}\nMend it with \`npm run pulumi -- config set KEY VALUE\`; Pulumi.yaml describes every key.`,
    );
  }

  /** Text that matches `pattern`; `allowed` says in words what that is. An empty text passes where `optional`. */
  text(key: string, pattern: RegExp, allowed: string, { optional = false } = {}): string {
    const value = this.#source.get(key) ?? '';
    if (pattern.test(value) || (optional && value === '')) return value;
    return this.#reject(key, value, allowed, '');
  }

  oneOf<const T extends readonly [string, ...string[]]>(key: string, values: T): T[number] {
    const value = this.#source.get(key) ?? '';
    const found = values.find((candidate) => candidate === value);
    return found ?? this.#reject(key, value, `one of ${values.join(', ')}`, values[0]);
  }

  integer(key: string, min: number, max: number): number {
    const value = this.#source.get(key) ?? '';
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    return this.#reject(key, value, `a whole number from ${min} to ${max}`, min);
  }

  boolean(key: string): boolean {
    const value = this.#source.get(key) ?? '';
    if (value === 'true' || value === 'false') return value === 'true';
    return this.#reject(key, value, 'true or false', false);
  }

  /** A list of which `pick` accepts every item; `allowed` says in words what they are. A list not given is empty. */
  list<T>(
    key: string,
    allowed: { readonly list: string; readonly item: string },
    pick: (item: unknown) => T | undefined,
  ): readonly T[] {
    const raw = this.#source.get(key) ?? '';
    if (raw === '') return [];
    const items = parseJson(raw);
    if (!Array.isArray(items)) return this.#reject(key, raw, allowed.list, []);
    return items.flatMap((item: unknown, index) => {
      const picked = pick(item);
      if (picked !== undefined) return [picked];
      return this.#rejectJson<T[]>(`${key}[${index}]`, JSON.stringify(item), allowed.item, []);
    });
  }

  /** A secret, or undefined where none is given. Its value is never part of a message. */
  secret(key: string): pulumi.Output<string> | undefined {
    return this.#source.getSecret(key);
  }

  #reject<T>(key: string, value: string, allowed: string, standIn: T): T {
    return this.#rejectJson(key, value === '' ? 'empty' : JSON.stringify(value), allowed, standIn);
  }

  #rejectJson<T>(key: string, received: string, allowed: string, standIn: T): T {
    this.mistake(`${key} is ${received}; it must be ${allowed}.`);
    return standIn;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
