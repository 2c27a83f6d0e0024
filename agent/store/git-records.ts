import type { DatabaseSync } from 'node:sqlite';
import type { GitResult } from '../http/api/git.ts';
import { objectFrom } from './rows.ts';
import type { RunResult } from './run.ts';

/** How far the agent is with the work of a run that has succeeded. Each is on disk before the step has an effect outside. */
export interface GitProgress {
  /** `received`: the agent has the commits. `pushing`: the host may have them. `opening`: there may be a pull request. */
  readonly step: 'received' | 'pushing' | 'opening';
  /** What is known of the repository; `commit` is that of the run. */
  readonly git: GitResult & { readonly base: string; readonly commit: string };
  /** The default branch of the repository. */
  readonly defaultBranch: string;
  /** The branch for the pull request; undefined if none was asked for. */
  readonly pullRequestBase?: string | undefined;
  /** How the run ends, apart from its repository. */
  readonly result: RunResult;
}

/** The durable records of what is still to be done for repositories of runs. A row is removed at the end of its run. */
export interface GitRecords {
  /** @throws if it cannot be written; nothing is changed then. */
  put(runId: string, progress: GitProgress): void;
  /** Undefined if there is none, or it is damaged. */
  find(runId: string): GitProgress | undefined;
}

/** What the store of runs writes about repositories, within its own transactions. */
export interface GitWrites {
  /** The run has ended. */
  remove(runId: string): void;
}

/** `progress` is a `GitProgress` as JSON. */
export const GIT_SCHEMA = `
  CREATE TABLE IF NOT EXISTS run_git (
    run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    progress TEXT NOT NULL
  ) STRICT;
`;

/** @param db an open database that has the {@link GIT_SCHEMA}. */
export function gitRecords(db: DatabaseSync, written: <T>(write: () => T) => T): GitRecords & GitWrites {
  const put = db.prepare('INSERT OR REPLACE INTO run_git (run_id, progress) VALUES (?, ?)');
  const find = db.prepare('SELECT progress FROM run_git WHERE run_id = ?');
  const remove = db.prepare('DELETE FROM run_git WHERE run_id = ?');
  return {
    put(runId, progress) {
      written(() => put.run(runId, JSON.stringify(progress)));
    },
    find(runId) {
      const row = find.get(runId) as { progress: string } | undefined;
      return row && (objectFrom(row.progress) as GitProgress | undefined);
    },
    remove(runId) {
      remove.run(runId);
    },
  };
}
