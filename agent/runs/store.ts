import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { EndedRun, Run, RunRequest, RunResult } from './run.ts';

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

/**
 * The durable record of runs. Every method that changes something returns after the change is on disk, and throws when
 * it cannot be written (disk full, I/O error): then nothing was changed.
 */
export interface RunStore extends Disposable {
  /** Names this state folder, for as long as it exists. */
  readonly instanceId: string;
  /** Records a run as queued. */
  accept(request: RunRequest): Run;
  /** Records that a queued run begins. */
  begin(run: Run): Run;
  /** Records the end of a run and forgets its prompt. */
  end(run: Run, result: RunResult): EndedRun;
  find(id: string): Run | undefined;
  /** Runs that have not ended, in the order of their acceptance. */
  unfinished(): Run[];
}

interface Row {
  id: string;
  session_id: string;
  state: Run['state'];
  request: string;
  prompt: string | null;
  accepted_at: string;
  started_at: string | null;
  ended_at: string | null;
  result: string | null;
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
    result TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS runs_unfinished ON runs (seq) WHERE state <> 'ended';
`;

/**
 * Opens the store, making the file where there is none. The exclusive lock is the kernel's: it ends with the process,
 * kill -9 included.
 * @throws {StoreInUseError} while another process holds the file.
 */
export function openStore(file: string): RunStore {
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    db.exec(SCHEMA);
    db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING').run('instance', randomUUID());
  } catch (error) {
    db.close();
    throw isLocked(error) ? new StoreInUseError(file, error) : error;
  }

  const insert = db.prepare(
    `INSERT INTO runs (id, session_id, state, request, prompt, accepted_at) VALUES (?, ?, 'queued', ?, ?, ?)`,
  );
  const toRunning = db.prepare(`UPDATE runs SET state = 'running', started_at = ? WHERE id = ? AND state = 'queued'`);
  const toEnded = db.prepare(
    `UPDATE runs SET state = 'ended', ended_at = ?, result = ?, prompt = NULL WHERE id = ? AND state <> 'ended'`,
  );
  const byId = db.prepare('SELECT * FROM runs WHERE id = ?');
  const open = db.prepare(`SELECT * FROM runs WHERE state <> 'ended' ORDER BY seq`);
  const instance = db.prepare(`SELECT value FROM meta WHERE key = 'instance'`).get() as { value: string };

  return {
    instanceId: instance.value,
    accept(request) {
      const run: Run = {
        id: randomUUID(),
        sessionId: request.resume ?? randomUUID(),
        state: 'queued',
        request,
        acceptedAt: new Date().toISOString(),
      };
      const { prompt, ...rest } = request;
      insert.run(run.id, run.sessionId, JSON.stringify(rest), prompt, run.acceptedAt);
      return run;
    },
    begin(run) {
      const startedAt = new Date().toISOString();
      changedOne(toRunning.run(startedAt, run.id), run, 'begin');
      return { ...run, state: 'running', startedAt };
    },
    end(run, result) {
      const endedAt = new Date().toISOString();
      changedOne(toEnded.run(endedAt, JSON.stringify(result), run.id), run, 'end');
      return { ...run, state: 'ended', endedAt, result };
    },
    find(id) {
      const row = byId.get(id) as Row | undefined;
      return row && fromRow(row);
    },
    unfinished: () => (open.all() as unknown as Row[]).map(fromRow),
    [Symbol.dispose]: () => db.close(),
  };
}

function changedOne({ changes }: { changes: number | bigint }, run: Run, change: string): void {
  if (changes !== 1) throw new Error(`Run ${run.id} cannot ${change}: its record does not allow it.`);
}

function fromRow(row: Row): Run {
  return {
    id: row.id,
    sessionId: row.session_id,
    state: row.state,
    request: { ...(JSON.parse(row.request) as Omit<RunRequest, 'prompt'>), prompt: row.prompt ?? '' },
    acceptedAt: row.accepted_at,
    ...(row.started_at !== null && { startedAt: row.started_at }),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.result !== null && { result: JSON.parse(row.result) as RunResult }),
  };
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && error.message.includes('database is locked');
}
