import type * as pulumi from '@pulumi/pulumi';

import type { AllowedList, AllowedMap } from './items.ts';
import type { SecretKey } from './secrets.ts';
import type { Allowed } from './values.ts';
import { jsonIn } from '../json.ts';
import { nearest } from '../nearest.ts';
import { npmRun } from '../next-command.ts';

/** What a reader needs from `pulumi.Config`. */
export interface ConfigSource {
  get(key: string): string | undefined;
  getSecret(key: string): pulumi.Output<string> | undefined;
  /** A secret in plain text, to check and not to keep. */
  peek(key: string): string | undefined;
  /** Whether a value is not encrypted. */
  isPlain(key: string): boolean;
  /** Every key that is set, whether a program reads it or not. */
  keys(): readonly string[];
}

/** The keys of one project, without the project's name. */
export function ownKeys(config: Readonly<Record<string, unknown>>, project: string): string[] {
  return Object.keys(config)
    .filter((key) => key.startsWith(`${project}:`))
    .map((key) => key.slice(project.length + 1));
}

/** The stack's configuration is invalid; the message lists every invalid value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads typed values and collects the invalid ones, so that an operator sees all of them at once. */
export class ConfigReader {
  readonly #source: ConfigSource;
  readonly #mistakes: string[] = [];
  readonly #known = new Set<string>();
  readonly #plain: Record<string, string> = {};

  constructor(source: ConfigSource) {
    this.#source = source;
  }

  /** Adds a line to the error, for what concerns more than one key. */
  mistake(text: string): void {
    this.#mistakes.push(text);
  }

  /** @throws ConfigError when a value read so far was invalid, or a key is set that was not read. */
  finish(): void {
    for (const key of this.#source.keys().filter((name) => !this.#known.has(name))) {
      const meant = nearest(key, this.#known);
      const sameLetters = meant?.toLowerCase() === key.toLowerCase();
      const hint = meant === undefined ? '.' : sameLetters ? `; ${meant} is.` : `. Did you mean ${meant}?`;
      this.mistake(`${key} is not a config key${hint} Remove it: \`${npmRun('pulumi', `config rm ${key}`)}\`.`);
    }
    if (this.#mistakes.length === 0) return;
    const list = this.#mistakes.map((mistake) => `  - ${mistake}`).join('\n');
    throw new ConfigError(
      `The stack's configuration is invalid (${this.#mistakes.length}):\n${list}\nSet a value: \`${npmRun('pulumi', 'config set KEY VALUE')}\`. docs/configuration.md describes every key.`,
    );
  }

  /** The keys read so far and their values as given, empty if not given; no secrets. */
  plain(): Readonly<Record<string, string>> {
    return { ...this.#plain };
  }

  /** A text that `fits`; `allowed` is the wording of that for the message. An empty text passes if `optional`. */
  text(key: string, fits: RegExp | Allowed[0], allowed: string, { optional = false } = {}): string {
    const value = this.#get(key);
    const isFit = fits instanceof RegExp ? fits.test(value) : fits(value);
    return isFit || (optional && value === '') ? value : this.#reject(key, value, allowed, '');
  }

  /** Like {@link ConfigReader.text}, but undefined if empty. */
  optional(key: string, ...[fits, allowed]: Allowed): string | undefined {
    return this.text(key, fits, allowed, { optional: true }) || undefined;
  }

  oneOf<const T extends readonly [string, ...string[]]>(key: string, values: T): T[number] {
    const value = this.#get(key);
    const found = values.find((candidate) => candidate === value);
    return found ?? this.#reject(key, value, `one of ${values.join(', ')}`, values[0]);
  }

  /** Like {@link ConfigReader.oneOf}, but undefined if empty. */
  oneOfOrEmpty<const T extends readonly [string, ...string[]]>(key: string, values: T): T[number] | undefined {
    return this.#get(key) === '' ? undefined : this.oneOf(key, values);
  }

  /** @param instead returned for an invalid value; NaN if it must not be compared with others. */
  integer(key: string, min: number, max: number, instead = min): number {
    const value = this.#get(key);
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    return this.#reject(key, value, `a whole number from ${min} to ${max}`, instead);
  }

  boolean(key: string): boolean {
    const value = this.#get(key);
    if (value === 'true' || value === 'false') return value === 'true';
    return this.#reject(key, value, 'true or false', false);
  }

  /** A list; empty if not given. */
  list<T>(key: string, ...[{ list, item: words }, pick]: AllowedList<T>): readonly T[] {
    const raw = this.#get(key);
    const items = raw === '' ? [] : jsonIn(raw);
    if (!Array.isArray(items)) return this.#reject(key, raw, list, []);
    return items.flatMap((item: unknown, index) => {
      const picked = pick(item);
      if (picked !== undefined) return [picked];
      return this.#rejectJson<T[]>(`${key}[${index}]`, JSON.stringify(item), words, []);
    });
  }

  /**
   * A list by the rules of the program that gets it; empty if not given.
   * @param mistakesIn a clause for each mistake in the list; it begins with the place in brackets if it concerns an item.
   * @returns what was given, also if there are mistakes in it.
   */
  checkedList(key: string, allowed: string, mistakesIn: (items: readonly unknown[]) => string[]): readonly unknown[] {
    const items = this.list<unknown>(key, { list: allowed, item: '' }, (item) => item);
    for (const mistake of mistakesIn(items)) this.mistake(`${key}${mistake.startsWith('[') ? '' : ': '}${mistake}.`);
    return items;
  }

  /** A map of strings; empty if not given. */
  map(key: string, { map, entry: words, fits }: AllowedMap): Readonly<Record<string, string>> {
    const raw = this.#get(key);
    const found = raw === '' ? {} : jsonIn(raw);
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return this.#reject(key, raw, map, {});
    const entries = Object.entries(found).flatMap(([name, value]: [string, unknown]) => {
      if (typeof value === 'string' && fits(name, value)) return [[name, value] as const];
      return this.#rejectJson<[string, string][]>(`${key}.${name}`, JSON.stringify(value), words, []);
    });
    return Object.fromEntries(entries);
  }

  /** A secret, or undefined if not given. Its value is never part of a message. */
  secret(key: string, { mistakeIn, mustBeEncrypted }: SecretKey): pulumi.Output<string> | undefined {
    this.#known.add(key);
    const text = this.#source.peek(key);
    const mistake = text === undefined ? undefined : mistakeIn(text);
    if (mistake !== undefined) this.mistake(`${key} ${mistake}`);
    else if (mustBeEncrypted === true && text !== undefined && this.#source.isPlain(key)) {
      const encrypt = npmRun('pulumi', `config set --secret ${key}`);
      this.mistake(
        `${key} (not shown) is in plain text. If others may have read it, revoke it. Set it encrypted: \`${encrypt}\`.`,
      );
    }
    return this.#source.getSecret(key);
  }

  #get(key: string): string {
    const value = this.#source.get(key) ?? '';
    this.#known.add(key);
    this.#plain[key] = value;
    return value;
  }

  #reject<T>(key: string, value: string, allowed: string, standIn: T): T {
    return this.#rejectJson(key, value === '' ? 'empty' : JSON.stringify(value), allowed, standIn);
  }

  #rejectJson<T>(key: string, received: string, allowed: string, standIn: T): T {
    this.mistake(`${key} is ${received}; it must be ${allowed}.`);
    return standIn;
  }
}
