import type { DatabaseSync } from 'node:sqlite';
import type { RunFile } from '../files/run-files.ts';

/** An uploaded file. */
export interface Upload extends RunFile {
  readonly fileId: string;
  /** Who sent it. */
  readonly caller: string;
  /** ISO 8601. */
  readonly uploadedAt: string;
}

/** The records of uploads, and of which contents the records of runs name. */
export interface FileRecords {
  /** @throws if the disk has no room but for the ends of runs. */
  assertRoom(): void;
  /** @throws see {@link assertRoom}. */
  addUpload(upload: Upload): void;
  findUpload(fileId: string): Upload | undefined;
  /** Removes the uploads from before a time, ISO 8601. Returns how many. */
  removeUploads(before: string): number;
  /** Whether an upload or a run has a file with this content. */
  names(sha256: string): boolean;
}

/** What the store of runs writes about files, within its own transactions. */
export interface FileWrites {
  /** A run has these files. They are forgotten with its record. */
  use(runId: string, files: readonly Pick<RunFile, 'sha256'>[] | undefined): void;
}

/** The names of a run's files are in its request and its result. */
export const FILE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    type TEXT NOT NULL,
    caller TEXT NOT NULL,
    uploaded_at TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS uploads_content ON uploads (sha256);
  CREATE INDEX IF NOT EXISTS uploads_time ON uploads (uploaded_at);
  CREATE TABLE IF NOT EXISTS run_files (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS run_files_run ON run_files (run_id);
  CREATE INDEX IF NOT EXISTS run_files_content ON run_files (sha256);
`;

/**
 * @param db an open database that has the {@link FILE_SCHEMA}.
 * @param written performs a write; on a full disk it uses the reserved space.
 * @param assertRoom throws if that space is not reserved and cannot be.
 */
export function fileRecords(
  db: DatabaseSync,
  written: <T>(write: () => T) => T,
  assertRoom: () => void,
): FileRecords & FileWrites {
  const insert = db.prepare(
    'INSERT INTO uploads (id, name, bytes, sha256, type, caller, uploaded_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const find = db.prepare(
    'SELECT id AS fileId, name, bytes, sha256, type, caller, uploaded_at AS uploadedAt FROM uploads WHERE id = ?',
  );
  const remove = db.prepare('DELETE FROM uploads WHERE uploaded_at < ?');
  const use = db.prepare('INSERT INTO run_files (run_id, sha256) VALUES (?, ?)');
  const named = db.prepare(
    `SELECT EXISTS (SELECT 1 FROM uploads WHERE sha256 = $sha256)
       OR EXISTS (SELECT 1 FROM run_files WHERE sha256 = $sha256) AS found`,
  );

  return {
    assertRoom,
    addUpload({ fileId, name, bytes, sha256, type, caller, uploadedAt }) {
      assertRoom();
      insert.run(fileId, name, bytes, sha256, type, caller, uploadedAt);
    },
    findUpload: (fileId) => find.get(fileId) as Upload | undefined,
    removeUploads: (before) => Number(written(() => remove.run(before)).changes),
    names: (sha256) => (named.get({ sha256 }) as { found: number }).found === 1,
    use(runId, files = []) {
      for (const { sha256 } of files) use.run(runId, sha256);
    },
  };
}
