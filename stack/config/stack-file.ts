import * as fs from 'node:fs';
import * as path from 'node:path';

import { isCollection, parse, parseDocument } from 'yaml';
import type { Document } from 'yaml';

import { asText, hasEncrypted, programText } from './value-text.ts';

/** The part of Pulumi.yaml that describes the configuration. */
export interface Project {
  readonly name: string;
  /** By key. */
  readonly config: Readonly<
    Record<string, { readonly type: string; readonly description: string; readonly default: unknown }>
  >;
}

/** @param projectDir Root of the repository. */
export function readProject(projectDir: string): Project {
  return parse(fs.readFileSync(path.join(projectDir, 'Pulumi.yaml'), 'utf8')) as Project;
}

/** Path of a stack's settings file, beside Pulumi.yaml. */
export const stackFileOf = (projectDir: string, stack: string): string => path.join(projectDir, `Pulumi.${stack}.yaml`);

/** The content of a stack's file; empty if there is no file. */
export const contentOf = (file: string): string => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');

/** A stack's settings file can't be read; the message has the reason. */
export class StackFileError extends Error {
  override readonly name = 'StackFileError';
}

/** A stack's settings file: its only reader and writer. What {@link StackFile.set} does not name stays unchanged. */
export class StackFile {
  readonly #project: Project;
  readonly #document: Document;

  /**
   * @param content Of `Pulumi.<stack>.yaml`; may be empty.
   * @param projectDir Where Pulumi.yaml is, with the keys and their defaults.
   * @param file Its name, for messages.
   * @throws StackFileError when the content is not a settings file.
   */
  constructor(content: string, projectDir: string, file = "The stack's file") {
    this.#project = readProject(projectDir);
    this.#document = parseDocument(content);
    const [error] = this.#document.errors;
    if (error !== undefined) throw new StackFileError(`${file} can't be read: ${error.message}`, { cause: error });
    const config = this.#content.config ?? {};
    if (typeof config !== 'object' || Array.isArray(config))
      throw new StackFileError(`${file}: \`config\` must be a map of keys.`);
  }

  /** Reads a file; a missing one sets nothing. */
  static at(file: string, projectDir: string): StackFile {
    return new StackFile(contentOf(file), projectDir, file);
  }

  /** The value in force, as {@link asText} returns it: the file's, else the default; undefined for an unknown key. */
  get(key: string): string | undefined {
    const standard = this.#project.config[key]?.default;
    return standard === undefined ? undefined : asText(this.#settings[this.#full(key)] ?? standard);
  }

  /** Changes the value in force to `value`; a default needs no line in the file. */
  set(key: string, value: string): void {
    const place = ['config', this.#full(key)];
    const standard = this.#project.config[key]?.default;
    if (asText(standard) === asText(value)) {
      if (this.#document.hasIn(place)) this.#document.deleteIn(place);
      return;
    }
    const content: unknown = typeof standard === 'object' ? JSON.parse(value) : value;
    this.#document.setIn(place, this.#document.createNode(content));
  }

  /**
   * Adds an item to a list of a key, in place.
   * @param place of the list below the key; empty for the key's own value.
   */
  push(key: string, place: readonly (string | number)[], item: unknown): void {
    const whole = this.#inPlace(key);
    this.#document.addIn([...whole, ...place], this.#document.createNode(item));
  }

  /** Removes an item of a list of a key, in place, and the key if nothing is left. */
  drop(key: string, place: readonly (string | number)[]): void {
    const whole = this.#inPlace(key);
    this.#document.deleteIn([...whole, ...place]);
    const left = this.#document.getIn(whole);
    if (isCollection(left) && left.items.length === 0) this.#document.deleteIn(whole);
  }

  /** The place of a key's value, which is a collection afterwards: it may be a text, or a default. */
  #inPlace(key: string): string[] {
    const place = ['config', this.#keyInFile(key)];
    const value = this.#document.getIn(place);
    if (!isCollection(value) || value.items.length === 0) {
      this.#document.setIn(place, this.#document.createNode(JSON.parse(this.get(key) ?? 'null')));
    }
    return place;
  }

  /** Whether the file itself has a value for a key, encrypted or not. */
  isSet(key: string): boolean {
    return this.#full(key) in this.#settings;
  }

  /** Whether the file has a value, and no part of it is encrypted. */
  isPlain(key: string): boolean {
    return this.isSet(key) && !hasEncrypted(this.#settings[this.#full(key)]);
  }

  /**
   * What the engine would pass to the program: the file's values, else the defaults, in the form of
   * `pulumi.runtime.setAllConfig`. An encrypted value is replaced by a placeholder.
   * @returns Texts by full key (`PROJECT:KEY`).
   */
  values(): Record<string, string> {
    const { config } = this.#project;
    const defaults = Object.entries(config).map(([key, entry]) => [this.#full(key), programText(key, entry.default)]);
    const given = Object.entries(this.#settings).map(([key, value]) => [
      key,
      programText(key.replace(/^.*:/, ''), value),
    ]);
    return Object.fromEntries([...defaults, ...given]) as Record<string, string>;
  }

  /** Whether values also come from an environment of Pulumi ESC, which is not in the file. */
  get hasEnvironment(): boolean {
    return this.#content.environment !== undefined;
  }

  /** Whether a provider such as a cloud's key vault encrypts the secrets, instead of a passphrase. */
  get hasSecretsProvider(): boolean {
    return this.#content.secretsprovider !== undefined;
  }

  toString(): string {
    return this.#document.toString({ lineWidth: 0 });
  }

  get #content(): { config?: unknown; environment?: unknown; secretsprovider?: unknown } {
    return (this.#document.toJS() ?? {}) as object;
  }

  /** By full key; the file may leave the project's name out. */
  get #settings(): Readonly<Record<string, unknown>> {
    const config = Object.entries(this.#content.config ?? {});
    return Object.fromEntries(config.map(([key, value]: [string, unknown]) => [this.#full(key), value]));
  }

  /** The file may leave the project's name out. */
  #keyInFile(key: string): string {
    return this.#document.hasIn(['config', key]) ? key : this.#full(key);
  }

  readonly #full = (key: string): string => (key.includes(':') ? key : `${this.#project.name}:${key}`);
}

/**
 * The kubeconfig context with which kubectl reaches the stack's cluster. Empty for the current one; so it is for target
 * azure, where `az aks get-credentials` sets the current context.
 */
export function contextOf(file: StackFile): string {
  return file.get('target') === 'azure' ? '' : (file.get('kubeContext') ?? '');
}

/** Name of the stack's registry in Azure; undefined for another target. */
export function azureRegistryOf(file: StackFile): string | undefined {
  return file.get('target') === 'azure' ? file.get('azureRegistry')?.split('/').at(-1) : undefined;
}

/**
 * Removes the salt that Pulumi writes into a stack's file with every command, unless something in the file is encrypted. The
 * state has the salt too, so the file need not differ from git.
 * @param content Of the file; its formatting is kept.
 */
export function withoutNeedlessSalt(content: string): string {
  const document = parseDocument(content);
  if (document.errors.length > 0 || hasEncrypted(document.toJS())) return content;
  return content.replace(/^encryptionsalt: .*\n/m, '');
}
