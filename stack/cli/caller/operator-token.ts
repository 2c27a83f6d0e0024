import * as fs from 'node:fs';
import * as path from 'node:path';

import { EARLIER_TOKEN_FILE, TOKEN_FILE } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import type { CommandContext } from '../system/environment.ts';
import { writeWhole } from '../system/local-files.ts';
import { CliError } from '../system/terminal.ts';

/** The API token on this machine, and the earlier one while it is rotated. All stacks of a checkout use the same. */
export class OperatorToken {
  /** The tokens, the newer one last; none if this machine has none. */
  readonly all: readonly string[];
  readonly #file: string;
  readonly #earlierFile: string;
  readonly #isInConfig: boolean;

  /** @param isInConfig whether the config has the token, as a secret. */
  constructor({ environment: { projectDir } }: CommandContext, isInConfig: boolean) {
    this.#isInConfig = isInConfig;
    this.#file = path.join(projectDir, TOKEN_FILE);
    this.#earlierFile = path.join(projectDir, EARLIER_TOKEN_FILE);
    this.all = isInConfig ? [] : [...new Set([this.#earlierFile, this.#file].flatMap(tokenIn))];
  }

  /** Puts a new token in the place of the current one, which stays valid. @returns what happened. @throws CliError */
  rotate(token: string): string {
    this.#refuse(`set two tokens, the current one and a new one, separated by a space`);
    const [current = '', second] = this.all;
    if (second !== undefined) {
      throw new CliError(
        `There is an earlier API token already, in ${EARLIER_TOKEN_FILE}. End it first: ${npmRun('caller', 'retire operator')}`,
      );
    }
    writeWhole(this.#earlierFile, `${current}\n`);
    writeWhole(this.#file, `${token}\n`);
    return `${TOKEN_FILE} has a new API token. The earlier one is in ${EARLIER_TOKEN_FILE}.`;
  }

  /** Removes the earlier token. @returns what happened. @throws CliError if there is none. */
  retire(): string {
    this.#refuse('set the new token alone');
    if (!fs.existsSync(this.#earlierFile)) {
      throw new CliError(
        `There is no earlier API token. To replace the current one, begin with: ${npmRun('caller', 'rotate operator')}`,
      );
    }
    fs.rmSync(this.#earlierFile);
    return `Removed the earlier API token (${EARLIER_TOKEN_FILE}).`;
  }

  #refuse(instead: string): void {
    if (this.#isInConfig) {
      const set = npmRun('pulumi', 'config set --secret agentToken');
      throw new CliError(`The API token is in the config, not in ${TOKEN_FILE}: ${instead}: ${set}`);
    }
    if (tokenIn(this.#file).length === 0) {
      throw new CliError(`This machine has no API token (${TOKEN_FILE}). Do this where it is, or put it there.`);
    }
  }
}

function tokenIn(file: string): string[] {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '';
  return text === '' ? [] : [text];
}
