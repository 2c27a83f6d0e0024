import * as fs from 'node:fs';
import * as path from 'node:path';

import { npmRun } from '../../next-command.ts';
import { CliError } from '../system/terminal.ts';
import { writeWhole } from './whole-file.ts';

/** What is on disk of a restore that is unfinished. */
interface Written {
  /** What is restored: of another backup, or other parts, it is another restore. */
  readonly restore: string;
  /** The backup, as given. */
  readonly file: string;
  readonly done: readonly string[];
}

/** The step after which the agent may start. */
export const VOLUME_STEP = 'volume';

/** How far a restore came, on disk: one that was killed continues from there when it is run again. */
export class Progress {
  readonly #place: string;
  readonly #restore: string;
  readonly #backup: string;
  readonly #done: string[];
  /** It was begun earlier, and did not come to its end. */
  readonly wasBegun: boolean;

  /** @param localDir Of the repository. */
  constructor(localDir: string, restore: string, backup: string) {
    this.#place = placeIn(localDir);
    this.#restore = restore;
    this.#backup = backup;
    const before = readPlace(this.#place);
    this.wasBegun = before?.restore === restore;
    this.#done = this.wasBegun ? [...(before?.done ?? [])] : [];
  }

  begin(): void {
    const written: Written = { restore: this.#restore, file: this.#backup, done: this.#done };
    writeWhole(this.#place, JSON.stringify(written));
  }

  /** Does a step, unless it is done already. */
  async step(name: string, work: () => Promise<void>): Promise<void> {
    if (this.#done.includes(name)) return;
    await work();
    this.#done.push(name);
    this.begin();
  }

  end(): void {
    fs.rmSync(this.#place);
  }
}

/** @throws CliError while a restore has yet to fill the volume: an agent that starts now would begin other records. */
export function refuseWithinRestore(localDir: string): void {
  const before = readPlace(placeIn(localDir));
  if (before === undefined || before.done.includes(VOLUME_STEP)) return;
  throw new CliError(
    `A restore of ${before.file} is unfinished. Run it again: ${npmRun('restore', before.file)}. Or abandon it: rm ${placeIn(localDir)}`,
  );
}

const placeIn = (localDir: string): string => path.join(localDir, 'restore.json');

function readPlace(place: string): Written | undefined {
  return fs.existsSync(place) ? (JSON.parse(fs.readFileSync(place, 'utf8')) as Written) : undefined;
}
