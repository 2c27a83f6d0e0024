import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { LedgerConflictError, LedgerError, parseLedger } from './ledger.ts';
import type { LedgerEntry, Ledger, LedgerState } from './ledger.ts';

/** A ledger in a SQLite file, for a watchdog without a cluster. */
export class FileLedger implements Ledger {
  readonly place: string;
  readonly #database: DatabaseSync;

  /** @throws LedgerError when the file can't be opened. */
  constructor(file: string) {
    this.place = file;
    try {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      this.#database = new DatabaseSync(file, { timeout: 5000 });
      this.#database.exec(`
        CREATE TABLE IF NOT EXISTS ledger (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
        INSERT OR IGNORE INTO ledger VALUES (1, 0, '');
      `);
    } catch (error) {
      throw this.#problem('opened', error);
    }
  }

  read(): Promise<LedgerEntry> {
    return this.#attempt('read', () => {
      const row = this.#database.prepare('SELECT revision, text FROM ledger').get() as Row;
      return { state: parseLedger(row.text, this.place), revision: String(row.revision), annotations: {} };
    });
  }

  write({ revision }: LedgerEntry, state: LedgerState): Promise<LedgerEntry> {
    return this.#attempt('written', () => {
      const update = this.#database.prepare('UPDATE ledger SET text = ?, revision = revision + 1 WHERE revision = ?');
      const { changes } = update.run(JSON.stringify(state), Number(revision));
      if (Number(changes) === 0) throw new LedgerConflictError(`${this.place} was written by another pass`);
      return { state, revision: String(Number(revision) + 1), annotations: {} };
    });
  }

  /** A process of this machine can be looked up. */
  isGone(holder: string): boolean {
    const [host, pid] = holder.split('/');
    if (host !== hostname()) return false;
    // A process makes one pass at a time. In a container that was restarted, an earlier process had the same id.
    if (Number(pid) === process.pid) return true;
    try {
      process.kill(Number(pid), 0);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH';
    }
  }

  async #attempt<T>(what: string, work: () => T): Promise<T> {
    try {
      return await Promise.resolve(work());
    } catch (error) {
      throw error instanceof LedgerError ? error : this.#problem(what, error);
    }
  }

  #problem(what: string, error: unknown): LedgerError {
    const why = error instanceof Error ? error.message : String(error);
    return new LedgerError(`${this.place} can't be ${what} (${why})`, { cause: error });
  }
}

type Row = { readonly revision: number; readonly text: string };
