import * as fs from 'node:fs';
import * as path from 'node:path';

import { npmRun } from '../../next-command.ts';
import { writeWhole } from '../system/local-files.ts';
import { CliError } from '../system/terminal.ts';

/** The file of an unfinished restore. */
interface Written {
  /** Identifies the restore: another backup, or other parts of it, is another restore. */
  readonly restore: string;
  /** The backup, as given. */
  readonly file: string;
  readonly done: readonly string[];
}

/** The step after which the agent may start. */
export const VOLUME_STEP = 'volume';

/** The finished steps of a restore, on disk: a restore that was killed continues after them when it is run again. */
export class Progress {
  readonly #place: string;
  readonly #restore: string;
  readonly #backup: string;
  readonly #done: string[];
  /** Whether this restore was started before and did not finish. */
  readonly wasBegun: boolean;

  /** @param localDir The repository's `.local`. */
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

  /** Does a step, unless an earlier attempt finished it. */
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

/** @throws CliError before a restore has filled the volume: an agent that starts now would create new records. */
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
