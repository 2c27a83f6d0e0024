import { LedgerConflictError } from './ledger.ts';
import type { LedgerEntry, Ledger, LedgerState } from './ledger.ts';

/** How long a claim holds that is not renewed; longer than any single act takes. Every write renews it. */
export const LEASE_MS = 120_000;

const LOOK_AGAIN_MS = 1000;

/** How long a pass waits for one that is still at work, before it leaves the rest to the next. */
const LONGEST_WAIT_MS = 10 * 60_000;

/** Told who has the ledger, and for how many milliseconds at most that holds unless it is renewed. */
export type OnWait = (by: string, atMostMs: number) => void;

/** The ledger in the hands of the one pass that may act. */
export class LedgerLease {
  readonly #ledger: Ledger;
  readonly #holder: string;
  #entry: LedgerEntry;

  private constructor(ledger: Ledger, holder: string, entry: LedgerEntry) {
    this.#ledger = ledger;
    this.#holder = holder;
    this.#entry = entry;
  }

  /**
   * Takes the ledger with what has to be done, or finds that there is nothing to do. Where another pass has it, waits
   * until that one is done, or has written nothing for as long as a claim holds.
   * @param plan gives the state to begin with.
   * @param isDone whether nothing has to be done in that state.
   * @returns undefined when there is nothing to do; nothing is written then unless the state changed.
   * @throws LedgerConflictError when another pass took it at the same time. @throws LedgerError
   */
  static async acquire(
    ledger: Ledger,
    holder: string,
    plan: (entry: LedgerEntry) => LedgerState,
    isDone: (state: LedgerState) => boolean,
    onWait: OnWait,
  ): Promise<LedgerLease | undefined> {
    const entry = await LedgerLease.#readFree(ledger, onWait);
    const next = plan(entry);
    if (!isDone(next)) {
      const lease = new LedgerLease(ledger, holder, entry);
      await lease.#write({ ...next, claim: lease.#claim() });
      return lease;
    }
    const settled = { ...next, claim: undefined };
    if (JSON.stringify(settled) !== JSON.stringify(entry.state)) await ledger.write(entry, settled);
    return undefined;
  }

  static async #readFree(ledger: Ledger, onWait: OnWait): Promise<LedgerEntry> {
    const start = performance.now();
    let last: { readonly revision: string; readonly seenAt: number } | undefined;
    for (;;) {
      const entry = await ledger.read();
      const { claim } = entry.state;
      const left = claim ? Date.parse(claim.until) - Date.now() : 0;
      if (!claim || left <= 0 || ledger.isGone(claim.by)) return entry;
      const now = performance.now();
      if (!last) onWait(claim.by, Math.min(left, LEASE_MS));
      // `until` is by a clock of another machine. By this one's, a claim holds from when it was last seen to be renewed.
      if (last?.revision !== entry.revision) last = { revision: entry.revision, seenAt: now };
      if (now - last.seenAt >= LEASE_MS) return entry;
      if (now - start >= LONGEST_WAIT_MS) {
        throw new LedgerConflictError(`${claim.by} has ${ledger.place} for ${LONGEST_WAIT_MS / 60_000} minutes`);
      }
      await sleep(LOOK_AGAIN_MS);
    }
  }

  get state(): LedgerState {
    return this.#entry.state;
  }

  /** Takes down what is written with the next change: what came of an act, never what is about to be done. */
  stage(patch: Partial<LedgerState>): void {
    this.#entry = { ...this.#entry, state: { ...this.state, ...patch } };
  }

  /**
   * Writes a change, and with it that this pass is still at work.
   * @throws LedgerConflictError when another pass took the ledger meanwhile: then this one has to end at once.
   */
  async commit(patch: Partial<LedgerState>): Promise<void> {
    await this.#write({ ...this.state, ...patch, claim: this.#claim() });
  }

  /** Lets the next pass have it. */
  async release(forget: readonly string[] = []): Promise<void> {
    await this.#write({ ...this.state, claim: undefined }, forget);
  }

  #claim(): NonNullable<LedgerState['claim']> {
    return { by: this.#holder, until: new Date(Date.now() + LEASE_MS).toISOString() };
  }

  async #write(state: LedgerState, forget: readonly string[] = []): Promise<void> {
    this.#entry = await this.#ledger.write(this.#entry, state, forget);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
