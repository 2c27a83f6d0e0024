import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, openSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import type { Outcome } from '../contract.ts';
import type { Callback } from '../runs/callback.ts';
import { CALLBACK_SCHEMA, callbackRecords, type CallbackRecords } from './callback-records.ts';
import { DiskReserve } from './disk-reserve.ts';
import { nothing } from '../runs/endings.ts';
import { IdempotencyError } from '../runs/errors.ts';
import { isFull } from './storage-failure.ts';
import { commitsIn } from './write-ahead-log.ts';
import type {
  EndedRun,
  Idempotency,
  OutcomeCount,
  Pause,
  Run,
  RunFilter,
  RunPage,
  RunRequest,
  RunResult,
  RunSummary,
} from '../runs/run.ts';
import { SEARCHED, searchIn } from './search.ts';
import { objectFrom } from './stored-json.ts';

/** Thrown by {@link openStore} while another agent uses the same file. */
export class StoreInUseError extends Error {
  constructor(file: string, cause: unknown) {
    super(
      `${file} is in use by another agent. End that one, or give this one a state folder of its own (AGENT_STATE_DIR).`,
      { cause },
    );
    this.name = 'StoreInUseError';
  }
}

/** Thrown by {@link openStore} for a file that is damaged. */
export class StoreDamagedError extends Error {
  constructor(file: string, cause: unknown) {
    super(`${file} is damaged`, { cause });
    this.name = 'StoreDamagedError';
  }
}

/**
 * The durable record of runs. Every method that changes something returns after the change is on disk, and throws when
 * it cannot be written (disk full, I/O error): then nothing was changed.
 */
export interface RunStore extends Disposable {
  /** Names this state folder, for as long as it exists. */
  readonly instanceId: string;
  /**
   * Makes sure that there is room for the records of another run.
   * @throws when there is none.
   */
  assertRoom(): void;
  /** Whether the last changes before a crash are lost, so that runs may be further than their records say. */
  readonly lostChanges: boolean;
  /** The pause that was last recorded, undefined where the agent goes on. */
  readonly pause: Pause | undefined;
  setPause(pause: Pause | undefined): void;
  /** Records a run as queued, or as running where it begins at once. */
  accept(request: RunRequest, sessionId: string, options?: Acceptance): Run;
  /**
   * The run that a request with this key became.
   * @throws {IdempotencyError} when it was another request.
   */
  findByKey(idempotency: Idempotency): Run | undefined;
  /** Records that a queued run begins. */
  begin(run: Run): Run;
  /**
   * Records the end of a run, which makes its callback due, and forgets its prompt.
   * @param keyIsFree for a run that was not begun, whose client may send it again.
   */
  end(run: Run, result: RunResult, keyIsFree?: boolean): EndedRun;
  find(id: string): Run | undefined;
  list(filter: RunFilter): RunPage;
  /** Counts the runs that ended in the 24 hours before `now`. */
  outcomesOfDay(now: Date): OutcomeCount[];
  /**
   * Removes records of runs that have ended, oldest first, and gives their room back, in steps between which the agent
   * answers. Those whose callback is not delivered yet stay, unless the file is too large. Returns how many.
   */
  prune(limits: RecordLimits): Promise<number>;
  /**
   * Ends queued and running runs whose request cannot be read, so that they stop nobody else. What there is of it stays in
   * the file. Returns their ids.
   */
  endUnreadable(): string[];
  /** Takes what was forgotten, such as prompts, out of the write-ahead log too. */
  forget(): void;
  readonly callbacks: CallbackRecords;
  /** Several changes with one write to disk: all of them or, where one throws, none. */
  atOnce<T>(write: () => T): T;
  /** Runs that have not ended, in the order of their acceptance. */
  unfinished(): Run[];
}

/** What else is known of a run when it is accepted. */
export interface Acceptance {
  readonly idempotency?: Idempotency | undefined;
  /** It does not wait: what would be two writes to disk is one. */
  readonly begins?: boolean;
}

/** What records of runs may be kept. */
export interface RecordLimits {
  readonly days: number;
  readonly count: number;
  /** Of the file. */
  readonly megabytes: number;
}

interface Row {
  seq: number;
  id: string;
  session_id: string;
  state: Run['state'];
  request: string;
  prompt: string | null;
  accepted_at: string;
  started_at: string | null;
  ended_at: string | null;
  outcome: Outcome | null;
  result: string | null;
  request_hash: string | null;
  callback: string | null;
}

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

/** Small steps keep the agent answering while much is removed: a record takes up to some mebibytes. */
const REMOVED_AT_ONCE = 5;
const VACUUMED_AT_ONCE = 256;

const UNREADABLE_REQUEST: Omit<RunRequest, 'prompt'> = { options: {}, labels: {}, timeoutMs: 0, workdir: '' };

const UNREADABLE_RUN: RunResult = {
  ...nothing,
  outcome: 'failed',
  error: 'The record of the run cannot be read, so it was not begun or not gone on with. Send it again.',
};

const RUNS = 'SELECT runs.*, callbacks.record AS callback FROM runs LEFT JOIN callbacks ON run_id = id';

/** `json_valid` is false for JSON that nests deeper than 1000 levels, which every other function takes for an error. */
const LIST = `
  SELECT seq, id, session_id, state, request, NULL AS prompt, accepted_at, started_at, ended_at, outcome,
    CASE WHEN result IS NULL OR json_valid(result) THEN json_remove(result, '$.output', '$.structuredOutput') ELSE '' END
      AS result,
    callbacks.record AS callback
  FROM runs LEFT JOIN callbacks ON run_id = id
  WHERE ($before IS NULL OR seq < $before)
    AND ${SEARCHED}
    AND ($state IS NULL OR state = $state)
    AND ($outcome IS NULL OR outcome = $outcome)
    AND ($since IS NULL OR accepted_at >= $since)
    AND ($until IS NULL OR accepted_at < $until)
    AND ($labels IS NULL OR CASE WHEN json_valid(request) THEN NOT EXISTS (
      SELECT 1 FROM json_each($labels) AS wanted WHERE NOT EXISTS (
        SELECT 1 FROM json_each(request, '$.labels') AS label
        WHERE label.key = wanted.value ->> 0 AND label.value = wanted.value ->> 1
      )
    ) END)
  ORDER BY seq DESC
  LIMIT $limit
`;

/**
 * Opens the store, making the file where there is none. The exclusive lock is the kernel's: it ends with the process,
 * kill -9 included.
 * @throws {StoreInUseError} while another process holds the file.
 * @throws {StoreDamagedError} when the file is no sound database; it is left as it is.
 */
export function openStore(file: string): RunStore {
  const reserve = new DiskReserve(`${file}-reserve`);
  try {
    return openWith(reserve, file);
  } catch (error) {
    // To take up what a crash left in the write-ahead log takes room.
    if (!isFull(error) || !reserve.release()) throw error;
    return openWith(reserve, file);
  }
}

function openWith(reserve: DiskReserve, file: string): RunStore {
  makePrivate(file);
  const commits = commitsIn(`${file}-wal`);
  const db = new DatabaseSync(file);
  let lostChanges: boolean;
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA secure_delete = ON;');
    assertSound(db);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    lostChanges = commits > 0 && commits > framesRead(db);
    db.exec(SCHEMA + CALLBACK_SCHEMA);
    db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING').run('instance', randomUUID());
  } catch (error) {
    db.close();
    if (isLocked(error)) throw new StoreInUseError(file, error);
    throw isDamage(error) ? new StoreDamagedError(file, error) : error;
  }

  const insert = db.prepare(
    `INSERT INTO runs (id, session_id, state, request, prompt, accepted_at, started_at, idempotency_key, request_hash)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const toRunning = db.prepare(`UPDATE runs SET state = 'running', started_at = ? WHERE id = ? AND state = 'queued'`);
  const toEnded = db.prepare(
    `UPDATE runs SET state = 'ended', ended_at = ?, outcome = ?, result = ?, prompt = NULL,
       idempotency_key = iif(?, NULL, idempotency_key)
     WHERE id = ? AND state <> 'ended'`,
  );
  const byKey = db.prepare(`${RUNS} WHERE idempotency_key = ?`);
  const boundsOf = searchIn(db);
  const page = db.prepare(LIST);
  const day = db.prepare(
    `SELECT max(0, min(23, (unixepoch($now) - unixepoch(ended_at)) / 3600)) AS hoursAgo, outcome, count(*) AS runs
     FROM runs WHERE state = 'ended' AND ended_at > $since GROUP BY hoursAgo, outcome`,
  );
  const newestOf = db.prepare('SELECT seq FROM runs ORDER BY seq DESC LIMIT 1 OFFSET ?');
  const removeOld = db.prepare(
    `DELETE FROM runs WHERE seq IN (
       SELECT seq FROM runs WHERE state = 'ended' AND (ended_at < ? OR seq <= ?)
         AND NOT EXISTS (SELECT 1 FROM callbacks WHERE run_id = id AND due_at IS NOT NULL)
       ORDER BY seq LIMIT ?)`,
  );
  const removeOldest = db.prepare(
    `DELETE FROM runs WHERE seq IN (SELECT seq FROM runs WHERE state = 'ended' ORDER BY seq LIMIT ?)`,
  );
  const free = db.prepare('PRAGMA freelist_count');
  const size = db.prepare(
    `SELECT (page_count - freelist_count) * page_size AS used
     FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`,
  );
  const usedBytes = () => (size.get() as { used: number }).used;
  const byId = db.prepare(`${RUNS} WHERE id = ?`);
  const open = db.prepare(`${RUNS} WHERE state <> 'ended' ORDER BY seq`);
  const getMeta = db.prepare('SELECT value FROM meta WHERE key = ?');
  const setMeta = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  const removeMeta = db.prepare('DELETE FROM meta WHERE key = ?');
  const instance = getMeta.get('instance') as { value: string };
  const callbacks = callbackRecords(db);
  const isNested = () => db.isTransaction;
  const isOpen = () => db.isOpen;
  /** On a full disk a write gets the room that is reserved. */
  const written = <T>(write: () => T): T => {
    try {
      return write();
    } catch (error) {
      if (isNested() || !isFull(error) || !reserve.release()) throw error;
      return write();
    }
  };
  const atOnce = <T>(write: () => T): T => (isNested() ? write() : written(() => transaction(write)));
  const transaction = <T>(write: () => T): T => {
    db.exec('BEGIN IMMEDIATE');
    try {
      const value = write();
      db.exec('COMMIT');
      return value;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  };

  return {
    instanceId: instance.value,
    lostChanges,
    assertRoom: () => reserve.hold(),
    get pause() {
      const row = getMeta.get('pause') as { value: string } | undefined;
      return row && (JSON.parse(row.value) as Pause);
    },
    setPause(pause) {
      written(() => (pause ? setMeta.run('pause', JSON.stringify(pause)) : removeMeta.run('pause')));
    },
    accept({ callbackUrl, ...request }, sessionId, { idempotency, begins = false } = {}) {
      const acceptedAt = new Date().toISOString();
      const run: Run = {
        id: randomUUID(),
        sessionId,
        state: begins ? 'running' : 'queued',
        request,
        acceptedAt,
        ...(begins && { startedAt: acceptedAt }),
      };
      const { prompt, ...rest } = request;
      const { key = null, requestHash = null } = idempotency ?? {};
      const startedAt = run.startedAt ?? null;
      const asked = JSON.stringify(rest);
      reserve.hold();
      return atOnce(() => {
        insert.run(run.id, sessionId, run.state, asked, prompt, acceptedAt, startedAt, key, requestHash);
        return callbackUrl === undefined ? run : { ...run, callback: callbacks.add(run.id, callbackUrl) };
      });
    },
    begin(run) {
      const startedAt = new Date().toISOString();
      changedOne(
        written(() => toRunning.run(startedAt, run.id)),
        run,
        'begin',
      );
      return { ...run, state: 'running', startedAt };
    },
    end(run, result, keyIsFree = false) {
      const endedAt = new Date().toISOString();
      atOnce(() => {
        const changed = toEnded.run(endedAt, result.outcome, JSON.stringify(result), Number(keyIsFree), run.id);
        changedOne(changed, run, 'end');
        if (run.callback) callbacks.becomeDue(run.id, endedAt);
      });
      const callback = run.callback && { callback: { ...run.callback, nextAttemptAt: endedAt } };
      return { ...run, state: 'ended', endedAt, result, ...callback };
    },
    find(id) {
      const row = byId.get(id) as Row | undefined;
      return row && fromRow(row);
    },
    findByKey({ key, requestHash }) {
      const row = byKey.get(key) as Row | undefined;
      if (row && row.request_hash !== requestHash) throw new IdempotencyError(key);
      return row && fromRow(row);
    },
    list(filter) {
      const { state = null, outcome = null, since = null, until = null, before = null, limit } = filter;
      const { goesOn, ...search } = boundsOf(filter);
      const rows = page.all({
        ...search,
        state,
        outcome,
        since,
        until,
        before,
        labels: filter.labels === undefined ? null : JSON.stringify(filter.labels),
        limit: limit + 1,
      }) as unknown as Row[];
      const next = rows.length > limit ? rows[limit - 1]?.seq : goesOn ? search.oldest : undefined;
      return { runs: rows.slice(0, limit).map((row): RunSummary => fromRow(row)), ...(next && { next }) };
    },
    outcomesOfDay(now) {
      const since = new Date(now.getTime() - 86_400_000).toISOString();
      return day.all({ now: now.toISOString(), since }) as unknown as OutcomeCount[];
    },
    async prune({ days, count, megabytes }) {
      const before = new Date(Date.now() - days * 86_400_000).toISOString();
      const { seq: tooMany = 0 } = (newestOf.get(count) as { seq: number } | undefined) ?? {};
      const removeSome = () => {
        const old = written(() => removeOld.run(before, tooMany, REMOVED_AT_ONCE)).changes;
        if (old > 0 || usedBytes() <= megabytes * 1_048_576) return Number(old);
        return Number(written(() => removeOldest.run(REMOVED_AT_ONCE)).changes);
      };
      let removed = 0;
      for (let some = removeSome(); some > 0; some = isOpen() ? removeSome() : 0) {
        removed += some;
        await setImmediate();
      }
      if (removed === 0) return 0;
      for (let more = true; more && isOpen(); more = (free.get() as { freelist_count: number }).freelist_count > 0) {
        db.exec(`PRAGMA incremental_vacuum(${VACUUMED_AT_ONCE})`);
        await setImmediate();
      }
      if (isOpen()) this.forget();
      return removed;
    },
    endUnreadable() {
      const unreadable = (open.all() as unknown as Row[]).filter(({ request }) => !objectFrom(request));
      for (const { id } of unreadable) {
        toEnded.run(new Date().toISOString(), 'failed', JSON.stringify(UNREADABLE_RUN), 0, id);
      }
      return unreadable.map(({ id }) => id);
    },
    forget() {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    },
    callbacks,
    atOnce,
    unfinished: () => (open.all() as unknown as Row[]).map(fromRow),
    [Symbol.dispose]: () => db.close(),
  };
}

function changedOne({ changes }: { changes: number | bigint }, run: Run, change: string): void {
  if (changes !== 1) throw new Error(`Run ${run.id} cannot ${change}: its record does not allow it.`);
}

function fromRow(row: Row): Run {
  const request = (objectFrom(row.request) as Omit<RunRequest, 'prompt'> | undefined) ?? UNREADABLE_REQUEST;
  return {
    id: row.id,
    sessionId: row.session_id,
    state: row.state,
    request: { ...request, prompt: row.prompt ?? '' },
    acceptedAt: row.accepted_at,
    ...(row.started_at !== null && { startedAt: row.started_at }),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.result !== null && {
      result: (objectFrom(row.result) as RunResult | undefined) ?? unreadableResult(row.outcome),
    }),
    ...(row.callback !== null && { callback: JSON.parse(row.callback) as Callback }),
  };
}

function unreadableResult(outcome: Outcome | null): RunResult {
  return { ...nothing, outcome: outcome ?? 'failed', warnings: ['The record of how this run ended cannot be shown.'] };
}

/** Only the agent's user may read what is in it; SQLite gives the files beside it the same permissions. */
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

/** How many frames of the write-ahead log SQLite took for sound when it opened the file. */
function framesRead(db: DatabaseSync): number {
  return (db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() as { log: number }).log;
}

/** @throws when SQLite finds the file damaged. */
function assertSound(db: DatabaseSync): void {
  const found = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  if (found.quick_check !== 'ok') throw new Error(`The database is damaged: ${found.quick_check}`);
}
