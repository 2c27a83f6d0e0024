import { LedgerConflictError } from './ledger.ts';
import type { LedgerEntry, Ledger, LedgerState } from './ledger.ts';

/** How long a lease holds without renewal; longer than any single act takes. Every write renews it. */
const LEASE_MS = 120_000;

const POLL_MS = 1000;

/** How long a pass waits for another one's lease before it gives up. */
const MAX_WAIT_MS = 10 * 60_000;

/** Called with the holder of the lease, and for how many milliseconds at most it holds unless renewed. */
export type OnWait = (by: string, maxMs: number) => void;

/** The lease of the ledger: its holder is the one pass that may act. */
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
   * Writes the planned state and takes the lease, unless there is nothing to do. If another pass holds it, waits until that
   * one ends or has written nothing for {@link LEASE_MS}.
   * @param plan gives the next state.
   * @param isDone whether that state needs no action.
   * @returns undefined if there is nothing to do; the state is then written only if it changed.
   * @throws LedgerConflictError when another pass took the lease at the same time, or keeps it. @throws LedgerError
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
    const idle = { ...next, claim: undefined };
    if (JSON.stringify(idle) !== JSON.stringify(entry.state)) await ledger.write(entry, idle);
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
      // `until` comes from another machine's clock. By this one's, the lease holds from when it was last seen renewed.
      if (last?.revision !== entry.revision) last = { revision: entry.revision, seenAt: now };
      if (now - last.seenAt >= LEASE_MS) return entry;
      if (now - start >= MAX_WAIT_MS) {
        throw new LedgerConflictError(`${claim.by} has held ${ledger.place} for ${MAX_WAIT_MS / 60_000} minutes`);
      }
      await sleep(POLL_MS);
    }
  }

  get state(): LedgerState {
    return this.#entry.state;
  }

  /** Changes the state in memory, written with the next commit: for the result of an act, never for an intent. */
  stage(patch: Partial<LedgerState>): void {
    this.#entry = { ...this.#entry, state: { ...this.state, ...patch } };
  }

  /**
   * Writes a change and renews the lease.
   * @throws LedgerConflictError when another pass has taken the lease: this one must then end at once.
   */
  async commit(patch: Partial<LedgerState>): Promise<void> {
    await this.#write({ ...this.state, ...patch, claim: this.#claim() });
  }

  /** Ends the lease. */
  async release(annotationsToRemove: readonly string[] = []): Promise<void> {
    await this.#write({ ...this.state, claim: undefined }, annotationsToRemove);
  }

  #claim(): NonNullable<LedgerState['claim']> {
    return { by: this.#holder, until: new Date(Date.now() + LEASE_MS).toISOString() };
  }

  async #write(state: LedgerState, annotationsToRemove: readonly string[] = []): Promise<void> {
    this.#entry = await this.#ledger.write(this.#entry, state, annotationsToRemove);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
