import { setTimeout as sleep } from 'node:timers/promises';

import type { Entry, Ledger, LedgerState } from './ledger.ts';

/** How long a claim holds that is not renewed; longer than any single act takes. Every write renews it. */
export const CLAIM_MS = 120_000;

const LOOK_AGAIN_MS = 1000;

/** The ledger in the hands of the one pass that may act. */
export class Book {
  readonly #ledger: Ledger;
  readonly #holder: string;
  #entry: Entry;

  private constructor(ledger: Ledger, holder: string, entry: Entry) {
    this.#ledger = ledger;
    this.#holder = holder;
    this.#entry = entry;
  }

  /**
   * Takes the ledger with what has to be done, or finds that there is nothing to do. Where another pass has it, waits
   * until that one is done or its claim is over.
   * @param plan gives the state to begin with.
   * @param isDone whether nothing has to be done in that state.
   * @returns undefined when there is nothing to do; nothing is written then unless the state changed.
   * @throws LedgerConflictError when another pass took it at the same time. @throws LedgerError
   */
  static async take(
    ledger: Ledger,
    holder: string,
    plan: (entry: Entry) => LedgerState,
    isDone: (state: LedgerState) => boolean,
    onWait: (by: string, until: string) => void,
  ): Promise<Book | undefined> {
    const entry = await Book.#readFree(ledger, onWait);
    const next = plan(entry);
    if (!isDone(next)) {
      const book = new Book(ledger, holder, entry);
      await book.#write({ ...next, claim: book.#claim() });
      return book;
    }
    const settled = { ...next, claim: undefined };
    if (JSON.stringify(settled) !== JSON.stringify(entry.state)) await ledger.write(entry, settled);
    return undefined;
  }

  static async #readFree(ledger: Ledger, onWait: (by: string, until: string) => void): Promise<Entry> {
    for (let waiting = false; ;) {
      const entry = await ledger.read();
      const { claim } = entry.state;
      if (!claim || Date.parse(claim.until) <= Date.now() || ledger.isGone(claim.by)) return entry;
      if (!waiting) onWait(claim.by, claim.until);
      waiting = true;
      await sleep(LOOK_AGAIN_MS);
    }
  }

  get state(): LedgerState {
    return this.#entry.state;
  }

  /** Takes down what is written with the next change: what came of an act, never what is about to be done. */
  note(patch: Partial<LedgerState>): void {
    this.#entry = { ...this.#entry, state: { ...this.state, ...patch } };
  }

  /**
   * Writes a change, and with it that this pass is still at work.
   * @throws LedgerConflictError when another pass took the ledger meanwhile: then this one has to end at once.
   */
  async change(patch: Partial<LedgerState>): Promise<void> {
    await this.#write({ ...this.state, ...patch, claim: this.#claim() });
  }

  /** Lets the next pass have it. */
  async release(forget: readonly string[] = []): Promise<void> {
    await this.#write({ ...this.state, claim: undefined }, forget);
  }

  #claim(): NonNullable<LedgerState['claim']> {
    return { by: this.#holder, until: new Date(Date.now() + CLAIM_MS).toISOString() };
  }

  async #write(state: LedgerState, forget: readonly string[] = []): Promise<void> {
    this.#entry = await this.#ledger.write(this.#entry, state, forget);
  }
}
