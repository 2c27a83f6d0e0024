import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';
import { callerNameOf } from '../../../agent/callers/callers.ts';
import { RunMetrics } from '../../../agent/http/metrics.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import type { EndedRun, RunRequest } from '../../../agent/store/run.ts';
import { folder } from '../../support/folder.ts';

const request: RunRequest = { prompt: 'x', options: {}, labels: {}, timeoutMs: 1000, workdir: '/' };
const ended = { outcome: 'succeeded', output: '', permissionDenials: [], warnings: [], costUsd: 0.5 } as const;

describe('the records of callers', () => {
  let file: string;
  beforeEach(() => {
    file = path.join(folder(), 'runs.db');
  });

  /** As agents before there were callers, and after a rollback to one. */
  const withOlderAgent = (work: (db: DatabaseSync) => void) => {
    const db = new DatabaseSync(file);
    work(db);
    db.close();
  };
  const insert = (id: string, key: string) => (db: DatabaseSync) =>
    db
      .prepare(
        `INSERT INTO runs (id, session_id, state, request, prompt, accepted_at, started_at, idempotency_key, request_hash)
         VALUES (?, ?, 'ended', '{"options":{},"labels":{},"timeoutMs":1000,"workdir":"/"}', NULL, ?, NULL, ?, 'hash')`,
      )
      .run(id, 'a-session', new Date().toISOString(), key);

  it('of an older agent are those of the operator, with their idempotency keys', () => {
    openStore(file)[Symbol.dispose]();
    withOlderAgent(insert('old', 'key'));
    using store = openStore(file);
    const found = store.findByKey({ key: 'key', requestHash: 'hash' });
    expect(found && callerNameOf(found)).toBe('operator');
    expect(store.findByKey({ key: 'key', caller: 'n8n', requestHash: 'other' })).toBeUndefined();
    expect(store.list({ caller: 'operator', limit: 10 }).runs.map(({ id }) => id)).toEqual(['old']);
    expect(store.list({ caller: 'n8n', limit: 10 }).runs).toEqual([]);
    expect([
      store.isConversationOfOther('a-session', 'n8n'),
      store.isConversationOfOther('a-session', 'operator'),
    ]).toEqual([true, false]);
  });

  it('can be read and continued by an older agent', () => {
    {
      using store = openStore(file);
      const idempotency = { key: 'key', caller: 'n8n', requestHash: 'hash' };
      store.accept({ ...request, caller: 'n8n' }, 'b-session', { idempotency });
      store.accept({ ...request, caller: 'n8n' }, 'c-session', {});
    }
    withOlderAgent((db) => {
      expect(db.prepare('SELECT id FROM runs WHERE idempotency_key = ?').get('key')).toBeUndefined();
      insert('old', 'key')(db);
    });
    using store = openStore(file);
    expect(store.findByKey({ key: 'key', caller: 'n8n', requestHash: 'hash' })?.sessionId).toBe('b-session');
    expect(store.findByKey({ key: 'key', requestHash: 'hash' })?.id).toBe('old');
    expect(store.list({ caller: 'n8n', limit: 10 }).runs).toHaveLength(2);
    expect(store.list({ caller: 'n8n', text: 'caller: n8n', limit: 10 }).runs).toHaveLength(2);
  });

  it('of a caller that was removed have one name in the metrics', async () => {
    const metrics = new RunMetrics(['operator', 'n8n']);
    const at = new Date().toISOString();
    for (const caller of ['gone-1', 'gone-2']) {
      const run = { id: caller, sessionId: '', state: 'ended', request: { ...request, caller }, acceptedAt: at };
      metrics.count({ ...run, endedAt: at, result: ended } as EndedRun);
    }
    const text = await metrics.text();
    expect(text).toContain('claude_agent_caller_runs_total{caller="(removed)",outcome="succeeded"} 2');
    expect(text).toContain('claude_agent_caller_cost_usd_total{caller="(removed)"} 1');
    expect(text).not.toContain('gone');
  });
});
