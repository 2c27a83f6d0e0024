import { randomUUID } from 'node:crypto';
import { callbackRecords } from './callback-records.ts';
import { decisionRecords, DECISIONS, STATE } from './decision-records.ts';
import { openDatabase, snapshotOf } from './database.ts';
import { DiskReserve } from './disk-reserve.ts';
import { fileRecords } from './file-records.ts';
import { gitRecords, type GitRecords } from './git-records.ts';
import { pruneIn } from './prune.ts';
import { fromRow, objectFrom, UNREADABLE_RUN, type Row } from './rows.ts';
import { OPERATOR } from '../contract.ts';
import type { Idempotency, KeptHold, OutcomeCount, Pause, Run, RunSummary } from './run.ts';
import { SEARCHED, searchIn } from './search.ts';
import { spendingRecords } from './spending-records.ts';
import { stepRecords } from './step-records.ts';
import { isFull } from './storage-failure.ts';
import { IdempotencyError, type RunStore } from './store.ts';

const RUNS = `
  SELECT seq, id, session_id, ${STATE} AS state, request, prompt, accepted_at, started_at, ended_at, outcome, result, request_hash,
    callbacks.record AS callback, ${DECISIONS} AS decisions
  FROM runs LEFT JOIN callbacks ON run_id = id`;

const CALLER = `coalesce(CASE WHEN json_valid(request) THEN request ->> '$.caller' END, '${OPERATOR}')`;

/** `json_valid` is false for JSON nested deeper than 1000 levels, for which every other function fails. */
const LIST = `
  SELECT seq, id, session_id, ${STATE} AS state, request, NULL AS prompt, accepted_at, started_at, ended_at, outcome,
    CASE WHEN result IS NULL OR json_valid(result) THEN json_remove(result, '$.output', '$.structuredOutput') ELSE '' END
      AS result,
    callbacks.record AS callback, NULL AS decisions
  FROM runs LEFT JOIN callbacks ON run_id = id
  WHERE ($before IS NULL OR seq < $before)
    AND ${SEARCHED}
    AND ($state IS NULL OR ${STATE} = $state)
    AND ($outcome IS NULL OR outcome = $outcome)
    AND ($since IS NULL OR accepted_at >= $since)
    AND ($until IS NULL OR accepted_at < $until)
    AND ($lane IS NULL OR CASE WHEN json_valid(request) THEN request ->> '$.lane' = $lane END)
    AND ($caller IS NULL OR ${CALLER} = $caller)
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
 * Opens the store, and creates the file if it is missing.
 * @throws {StoreInUseError} while another process has the file locked.
 * @throws {StoreDamagedError} if the file is not a valid database; it is not changed.
 */
export function openStore(file: string): RunStore {
  const reserve = new DiskReserve(`${file}-reserve`);
  try {
    return openWith(reserve, file);
  } catch (error) {
    // Recovering the write-ahead log after a crash needs disk space.
    if (!isFull(error) || !reserve.release()) throw error;
    return openWith(reserve, file);
  }
}

function openWith(reserve: DiskReserve, file: string): RunStore {
  const { db, lostChanges } = openDatabase(file);
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
  const ofOther = db.prepare(`SELECT 1 FROM runs WHERE session_id = ? AND ${CALLER} <> ? LIMIT 1`);
  const byId = db.prepare(`${RUNS} WHERE id = ?`);
  const open = db.prepare(`${RUNS} WHERE state <> 'ended' ORDER BY seq`);
  const getMeta = db.prepare('SELECT value FROM meta WHERE key = ?');
  const setMeta = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  const removeMeta = db.prepare('DELETE FROM meta WHERE key = ?');
  const instance = getMeta.get('instance') as { value: string };
  const callbacks = callbackRecords(db);
  const isNested = () => db.isTransaction;
  /** On a full disk a write uses the reserved space. */
  const written = <T>(write: () => T): T => {
    try {
      return write();
    } catch (error) {
      if (isNested() || !isFull(error) || !reserve.release()) throw error;
      return write();
    }
  };
  const kept = (key: string): unknown => {
    const row = getMeta.get(key) as { value: string } | undefined;
    return row && JSON.parse(row.value);
  };
  const keep = (key: string, value: object | undefined) => {
    written(() => (value ? setMeta.run(key, JSON.stringify(value)) : removeMeta.run(key)));
  };
  const decisions = decisionRecords(db, written);
  const files = fileRecords(db, written, () => reserve.hold());
  const spending = spendingRecords(db, written);
  const ofGit = gitRecords(db, written);
  const git: GitRecords = {
    ...ofGit,
    put: (runId, progress) =>
      atOnce(() => {
        ofGit.put(runId, progress);
        // Until the run ends, only this record names them.
        if (progress.step === 'received') files.use(runId, progress.result.files);
      }),
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

  const forget = () => db.exec('PRAGMA wal_checkpoint(TRUNCATE)');

  return {
    instanceId: instance.value,
    lostChanges,
    assertRoom: () => reserve.hold(),
    get pause() {
      return kept('pause') as Pause | undefined;
    },
    setPause: (pause) => keep('pause', pause),
    get hold() {
      return kept('hold') as KeptHold | undefined;
    },
    setHold: (hold) => keep('hold', hold),
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
      const { requestHash = null } = idempotency ?? {};
      const key = idempotency ? storedKey(idempotency) : null;
      const startedAt = run.startedAt ?? null;
      const asked = JSON.stringify(rest);
      reserve.hold();
      return atOnce(() => {
        insert.run(run.id, sessionId, run.state, asked, prompt, acceptedAt, startedAt, key, requestHash);
        files.use(run.id, request.files);
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
      const decided = atOnce(() => {
        const changed = toEnded.run(endedAt, result.outcome, JSON.stringify(result), Number(keyIsFree), run.id);
        changedOne(changed, run, 'end');
        files.use(run.id, result.files);
        ofGit.remove(run.id);
        if (run.callback) callbacks.becomeDue(run.id, endedAt);
        spending.add({ ...run, state: 'ended', endedAt, result });
        return decisions.closeAll(run.id, endedAt);
      });
      const callback = run.callback && { callback: { ...run.callback, nextAttemptAt: endedAt } };
      return {
        ...run,
        state: 'ended',
        endedAt,
        result,
        ...callback,
        ...(decided.length > 0 && { decisions: decided }),
      };
    },
    find(id) {
      const row = byId.get(id) as Row | undefined;
      return row && fromRow(row);
    },
    findByKey(idempotency) {
      const { key, requestHash } = idempotency;
      const row = byKey.get(storedKey(idempotency)) as Row | undefined;
      if (row && row.request_hash !== requestHash) throw new IdempotencyError(key);
      return row && fromRow(row);
    },
    list(filter) {
      const {
        state = null,
        outcome = null,
        lane = null,
        caller = null,
        since = null,
        until = null,
        before = null,
        limit,
      } = filter;
      const { goesOn, ...search } = boundsOf(filter);
      const rows = page.all({
        ...search,
        state,
        outcome,
        lane,
        caller,
        since,
        until,
        before,
        labels: filter.labels === undefined ? null : JSON.stringify(filter.labels),
        limit: limit + 1,
      }) as unknown as Row[];
      const next = rows.length > limit ? rows[limit - 1]?.seq : goesOn ? search.oldest : undefined;
      return { runs: rows.slice(0, limit).map((row): RunSummary => fromRow(row)), ...(next && { next }) };
    },
    isConversationOfOther: (sessionId, caller) => ofOther.get(sessionId, caller) !== undefined,
    outcomesOfDay(now) {
      const since = new Date(now.getTime() - 86_400_000).toISOString();
      return day.all({ now: now.toISOString(), since }) as unknown as OutcomeCount[];
    },
    prune: pruneIn(db, written, forget),
    endUnreadable() {
      const unreadable = (open.all() as unknown as Row[]).filter(({ request }) => !objectFrom(request));
      for (const { id } of unreadable) {
        toEnded.run(new Date().toISOString(), 'failed', JSON.stringify(UNREADABLE_RUN), 0, id);
      }
      return unreadable.map(({ id }) => id);
    },
    forget,
    snapshot: (target, signal) => snapshotOf(db, target, signal),
    callbacks,
    decisions,
    files,
    git,
    spending,
    steps: stepRecords(db, transaction, forget),
    atOnce,
    unfinished: () => (open.all() as unknown as Row[]).map(fromRow),
    [Symbol.dispose]: () => db.close(),
  };
}

/** Keys have no spaces, so the operator's, which older agents wrote too, differ from those of callers. */
const storedKey = ({ key, caller }: Idempotency) => (caller === undefined ? key : `${caller} ${key}`);

function changedOne({ changes }: { changes: number | bigint }, run: Run, change: string): void {
  if (changes !== 1) throw new Error(`Run ${run.id} cannot ${change}: its record does not allow it.`);
}
