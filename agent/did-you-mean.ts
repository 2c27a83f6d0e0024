import leven from 'leven';

/** Shorter names are too similar to each other. */
const SHORTEST = 5;
/** Two swapped letters count as two edits. */
const MOST_EDITS = 2;

/** Known names, for finding the one that was meant. */
export class KnownNames<Name extends string> {
  readonly #byLetters: ReadonlyMap<string, Name>;
  readonly #longest: number;

  constructor(names: readonly Name[]) {
    this.#byLetters = new Map(names.map((name) => [letters(name), name]));
    this.#longest = Math.max(...names.map(({ length }) => length));
  }

  /**
   * Finds the known name that a wrong one most likely stands for: the same letters in another spelling (`max_turns`,
   * `maxTurns`), at most two wrong letters, or one name contained in the other (`AGENT_HOSTNAME`, `AGENT_HOST`).
   */
  nearest(name: string): Name | undefined {
    if (name.length > 2 * this.#longest) return undefined;
    const given = letters(name);
    const same = this.#byLetters.get(given);
    if (same !== undefined || given.length < SHORTEST) return same;
    let found: Name | undefined;
    let fewest = MOST_EDITS + 1;
    for (const [known, each] of this.#byLetters) {
      if (known.length < SHORTEST) continue;
      if (found === undefined && (known.startsWith(given) || given.startsWith(known))) found = each;
      if (Math.abs(known.length - given.length) > MOST_EDITS) continue;
      const edits = leven(given, known);
      if (edits >= fewest) continue;
      fewest = edits;
      found = each;
    }
    return found;
  }
}

/** A suggestion as a sentence, after a space; empty without one. */
export function didYouMean(meant: string | undefined): string {
  return meant === undefined ? '' : ` Did you mean \`${meant}\`?`;
}

const letters = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
