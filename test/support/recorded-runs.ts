import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RunResult } from '../../agent/store/run.ts';
import { openStore } from '../../agent/store/sqlite.ts';

/** A run that ended some time ago. Times are milliseconds. */
export interface RecordedRun {
  readonly endedAgo: number;
  readonly queuedMs: number;
  /** Undefined for a run that never started. */
  readonly tookMs: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly result: Pick<RunResult, 'outcome'> & Partial<RunResult>;
}

/** Writes records of runs, oldest first, like an agent with this state folder. */
export function recordRuns(stateDir: string, runs: readonly RecordedRun[]): void {
  mkdirSync(stateDir, { recursive: true });
  const file = path.join(stateDir, 'runs.db');
  const ids: string[] = [];
  {
    using store = openStore(file);
    for (const { labels, result, tookMs } of runs) {
      const request = { prompt: 'x', options: {}, labels, timeoutMs: 300_000, workdir: stateDir };
      const accepted = store.accept(request, crypto.randomUUID());
      const run = tookMs === undefined ? accepted : store.begin(accepted);
      ids.push(store.end(run, { output: '', permissionDenials: [], warnings: [], ...result }).id);
    }
  }
  const db = new DatabaseSync(file);
  const move = db.prepare('UPDATE runs SET accepted_at = ?, started_at = ?, ended_at = ? WHERE id = ?');
  const now = Date.now();
  const iso = (ago: number) => new Date(now - ago).toISOString();
  for (const [i, { endedAgo, tookMs, queuedMs }] of runs.entries()) {
    const began = endedAgo + (tookMs ?? 0);
    move.run(iso(began + queuedMs), tookMs === undefined ? null : iso(began), iso(endedAgo), ids[i] ?? '');
  }
  db.close();
}

interface Row {
  state: string;
  prompt: string | null;
  result: string | null;
}

/** Reads the records of an agent that is not running, oldest first. */
export function recordsOf(stateDir: string): { state: string; prompt: string | null; outcome: string | undefined }[] {
  const db = new DatabaseSync(path.join(stateDir, 'runs.db'), { readOnly: true });
  const rows = db.prepare('SELECT state, prompt, result FROM runs ORDER BY seq').all() as unknown as Row[];
  db.close();
  return rows.map(({ state, prompt, result }) => ({
    state,
    prompt,
    outcome: result === null ? undefined : (JSON.parse(result) as { outcome: string }).outcome,
  }));
}
