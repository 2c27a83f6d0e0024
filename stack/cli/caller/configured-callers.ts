import * as fs from 'node:fs';
import * as path from 'node:path';

import { mistakesInCallers } from '../../../agent/callers/rules.ts';
import type { CallerSetting } from '../../../agent/callers/rules.ts';
import { sha256 } from '../../sha256.ts';
import { StackFile, stackFileOf } from '../../config/stack-file.ts';
import { jsonIn } from '../../json.ts';
import { nearest } from '../../nearest.ts';
import { npmRun } from '../../next-command.ts';
import type { CommandContext } from '../system/environment.ts';
import { CliError } from '../system/terminal.ts';

const KEY = 'callers';

/** The callers in a stack's file. Whatever else is in the file stays as it is, with its comments. */
export class ConfiguredCallers {
  /** The file's name, for messages. */
  readonly fileName: string;
  readonly #file: string;
  readonly #settings: StackFile;
  readonly #all: readonly CallerSetting[];

  /** @throws CliError if the callers in the file are invalid. */
  constructor({ environment: { projectDir }, stack }: CommandContext) {
    this.#file = stackFileOf(projectDir, stack);
    this.fileName = path.basename(this.#file);
    this.#settings = StackFile.at(this.#file, projectDir);
    const value = jsonIn(this.#settings.get(KEY) ?? '[]');
    const mistakes = mistakesInCallers(value);
    if (mistakes.length > 0)
      throw new CliError(`${this.fileName}, ${KEY}: ${mistakes.join('; ')}. Correct the file first.`);
    this.#all = value as CallerSetting[];
  }

  get all(): readonly CallerSetting[] {
    return this.#all;
  }

  /** Whether the config, and not a file of this machine, has the API token. */
  get hasTokenOfOperator(): boolean {
    return this.#settings.isSet('agentToken');
  }

  /**
   * Adds a caller.
   * @param may rights separated by commas. @param labels each `NAME=VALUE`.
   * @throws CliError
   */
  add(name: string, token: string, may = 'run', labels: readonly string[] = []): void {
    const odd = labels.find((label) => !/^[^=]+=./s.test(label));
    if (odd !== undefined) throw new CliError(`--label ${odd} must be NAME=VALUE, such as team=billing.`);
    const entries = labels.map((label) => [label.slice(0, label.indexOf('=')), label.slice(label.indexOf('=') + 1)]);
    const caller = {
      name,
      sha256: [sha256(token)],
      may: may.split(','),
      ...(entries.length > 0 && { labels: Object.fromEntries(entries) as Record<string, string> }),
    };
    if (this.#all.some((other) => other.name === name)) {
      throw new CliError(
        `${name} is in ${this.fileName} already. For a new token: ${npmRun('caller', `rotate ${name}`)}`,
      );
    }
    const mistakes = mistakesInCallers([...this.#all, caller]);
    if (mistakes.length > 0) throw new CliError(`${name} cannot be added: ${mistakes.join('; ')}.`);
    this.#settings.push(KEY, [], caller);
    this.#write();
  }

  /** Adds a second token. @throws CliError if there are two already. */
  rotate(name: string, token: string): void {
    const at = this.#find(name);
    if (this.#all[at]?.sha256.length === 2) {
      throw new CliError(
        `${name} has two tokens already. End the older one first: ${npmRun('caller', `retire ${name}`)}`,
      );
    }
    this.#settings.push(KEY, [at, 'sha256'], sha256(token));
    this.#write();
  }

  /**
   * Removes the older of two tokens, or the caller with all of its tokens.
   * @returns whether the caller is gone.
   * @throws CliError if that would remove the only token.
   */
  retire(name: string, all: boolean): boolean {
    const at = this.#find(name);
    if (!all && this.#all[at]?.sha256.length === 1) {
      throw new CliError(
        `${name} has one token. To replace it, begin with: ${npmRun('caller', `rotate ${name}`)}. To remove the caller: ${npmRun('caller', `retire ${name} --all`)}`,
      );
    }
    this.#settings.drop(KEY, all ? [at] : [at, 'sha256', 0]);
    this.#write();
    return all;
  }

  #find(name: string): number {
    const at = this.#all.findIndex((caller) => caller.name === name);
    if (at !== -1) return at;
    const names = this.#all.map((caller) => caller.name);
    const meant = nearest(name, names);
    const known = names.length === 0 ? 'none' : names.join(', ');
    throw new CliError(
      `${this.fileName} has no caller ${name} (existing: ${known}).${meant === undefined ? '' : ` Did you mean ${meant}?`}`,
    );
  }

  #write(): void {
    if (!fs.existsSync(this.#file)) {
      throw new CliError(`${this.fileName} does not exist. Check the name of the stack, or create the file, empty.`);
    }
    fs.writeFileSync(this.#file, this.#settings.toString());
  }
}
