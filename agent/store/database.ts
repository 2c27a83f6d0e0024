import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, openSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { CALLBACK_SCHEMA } from './callback-records.ts';
import { DECISION_SCHEMA } from './decision-records.ts';
import { FILE_SCHEMA } from './file-records.ts';
import { GIT_SCHEMA } from './git-records.ts';
import { addEarlierSpending, SPENDING_SCHEMA } from './spending-records.ts';
import { STEP_SCHEMA } from './step-records.ts';
import { StoreDamagedError, StoreInUseError } from './store.ts';
import { commitsIn } from './write-ahead-log.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'ended')),
    request TEXT NOT NULL,
    prompt TEXT,
    accepted_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    outcome TEXT,
    result TEXT,
    idempotency_key TEXT UNIQUE,
    request_hash TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS runs_ended ON runs (ended_at, outcome) WHERE state = 'ended';
  CREATE INDEX IF NOT EXISTS runs_unfinished ON runs (seq) WHERE state <> 'ended';
`;

/** An open database with the schema. */
export interface OpenDatabase {
  readonly db: DatabaseSync;
  /** Whether the last changes before a crash are lost. */
  readonly lostChanges: boolean;
}

/**
 * Opens the database, and creates the file if it is missing. The exclusive lock belongs to the kernel: it ends with the
 * process, even after kill -9.
 * @throws {StoreInUseError} while another process has the file locked.
 * @throws {StoreDamagedError} if the file is not a valid database; it is not changed.
 */
export function openDatabase(file: string): OpenDatabase {
  makePrivate(file);
  const commits = commitsIn(`${file}-wal`);
  const db = new DatabaseSync(file);
  let lostChanges: boolean;
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA secure_delete = ON;');
    assertSound(db);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    // Kilobytes of the agent's memory. The system caches the file too.
    db.exec('PRAGMA cache_size = -512');
    lostChanges = commits > 0 && commits > framesRead(db);
    db.exec(SCHEMA + CALLBACK_SCHEMA + DECISION_SCHEMA + FILE_SCHEMA + STEP_SCHEMA + SPENDING_SCHEMA + GIT_SCHEMA);
    addEarlierSpending(db);
    db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING').run('instance', randomUUID());
  } catch (error) {
    db.close();
    if (isLocked(error)) throw new StoreInUseError(file, error);
    throw isDamage(error) ? new StoreDamagedError(file, error) : error;
  }
  return { db, lostChanges };
}

/** 256 pages are one megabyte: each step locks the database for a millisecond or two. */
const COPIED_AT_ONCE = 256;
const ATTEMPTS = 1000;

/**
 * Copies an open database. SQLite copies it in a separate thread. If this connection changes a page that was copied
 * already, the copy changes too, so it has the state of the database at the end of the copy.
 * @throws if the disk is full, or when the signal aborts.
 */
export async function snapshotOf(db: DatabaseSync, file: string, signal: AbortSignal): Promise<void> {
  makePrivate(file);
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      await backup(db, file, { rate: COPIED_AT_ONCE, progress: () => signal.throwIfAborted() });
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || !isWritten(error)) throw error;
    }
  }
}

/**
 * SQLite copies nothing within a transaction. Node.js retries later steps, but if this happens in the first step, `backup`
 * throws an error with the code of success.
 */
function isWritten(error: unknown): boolean {
  return error instanceof Error && (error as Error & { errcode?: unknown }).errcode === 0;
}

/** Makes a file readable by the agent's user only. SQLite gives the files next to it the same permissions. */
function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && error.message.includes('database is locked');
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && /malformed|not a database|damaged/.test(error.message);
}

/** How many frames of the write-ahead log SQLite considered valid when it opened the file. */
function framesRead(db: DatabaseSync): number {
  return (db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() as { log: number }).log;
}

/** @throws if SQLite finds damage. */
function assertSound(db: DatabaseSync): void {
  const found = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  if (found.quick_check !== 'ok') throw new Error(`The database is damaged: ${found.quick_check}`);
}
