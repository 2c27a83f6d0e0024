import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunFilter } from '../../../agent/store/run.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import { type RunStore } from '../../../agent/store/store.ts';

const LARGE = 'x'.repeat(3 * 1_048_576);

let folder: string;
let store: RunStore;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'search-'));
  store = openStore(path.join(folder, 'runs.db'));
});
afterAll(() => {
  store[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

function record(labels: Record<string, string>, error?: string, output = ''): string {
  const request = { prompt: 'the secret of the prompt', options: {}, labels, timeoutMs: 1, workdir: '/' };
  const run = store.accept(request, crypto.randomUUID());
  const known = { permissionDenials: [], warnings: [], output, model: 'claude-opus-5-5' };
  store.end(run, { outcome: error === undefined ? 'succeeded' : 'failed', ...known, ...(error && { error }) });
  return run.id;
}
const found = (filter: Omit<RunFilter, 'limit'>, limit = 10) => {
  const { runs, next } = store.list({ ...filter, limit });
  return { ids: runs.map(({ id }) => id), next };
};

describe('a search of runs', () => {
  it('finds a workflow by its name and by its id, in any case', () => {
    const report = record({ workflow: 'k3Tn', workflowName: 'Über-Report' });
    record({ workflow: 'p7', workflowName: 'Report' });
    for (const workflow of ['über-report', 'k3tn']) expect(found({ workflow }).ids).toEqual([report]);
    expect(found({ workflow: 'Über' }).ids).toEqual([]);
  });

  it('finds all words of a text in id, session, labels, model and error', () => {
    const id = record({ customer: 'Süß & "Sons"', execution: '4711' }, 'The DISK is full.');
    const { sessionId } = store.find(id) ?? {};
    const texts = [id, id.slice(0, 8), String(sessionId), '"sons"', 'süß', 'customer: Süß', 'disk 4711', 'full opus-5'];
    for (const text of texts) expect(found({ text }).ids, text).toContain(id);
    for (const text of ['disk 4712', 'secret', '%', '$.labels']) expect(found({ text }).ids, text).toEqual([]);
    expect(found({ text: 'disk', outcome: 'succeeded' }).ids).toEqual([]);
  });

  it('continues page by page, like a list', () => {
    const ids = Array.from({ length: 5 }, () => record({ batch: 'pages' })).reverse();
    const first = found({ text: 'pages' }, 3);
    const second = found({ text: 'pages', before: Number(first.next) }, 3);
    expect([...first.ids, ...second.ids]).toEqual(ids);
    expect(second.next).toBeUndefined();
  });

  it('only goes so far back, and returns where to continue', () => {
    const old = record({ batch: 'bounds' });
    for (let i = 0; i < 4; i++) record({}, undefined, LARGE);
    const first = found({ text: 'bounds' });
    expect(first.ids).toEqual([]);
    expect(found({ text: 'bounds', before: Number(first.next) }).ids).toEqual([old]);
    store.atOnce(() => {
      for (let i = 0; i < 2100; i++) record({});
    });
    let { ids, next } = found({ text: 'bounds' });
    let looks = 1;
    for (; ids.length === 0 && next !== undefined && looks < 10; looks++) {
      ({ ids, next } = found({ text: 'bounds', before: next }));
    }
    expect({ ids, looks }).toEqual({ ids: [old], looks: 3 });
  });

  it('is not stopped by a deeply nested or damaged record', () => {
    const outputSchema = { deep: JSON.parse('['.repeat(2000) + ']'.repeat(2000)) as unknown };
    const request = { prompt: 'x', options: { outputSchema }, timeoutMs: 1, workdir: '/' };
    const { id } = store.accept({ ...request, labels: { batch: 'deep' } }, crypto.randomUUID());
    expect(found({ text: 'batch: deep', state: 'queued' }).ids).toEqual([id]);
    store[Symbol.dispose]();
    const file = path.join(folder, 'runs.db');
    const db = new DatabaseSync(file);
    db.prepare("UPDATE runs SET request = '{', state = 'ended', outcome = 'failed', result = '[1' WHERE id = ?").run(
      id,
    );
    db.close();
    store = openStore(file);
    expect(found({ text: 'batch: deep' }).ids).toEqual([]);
    expect(found({ text: id }).ids).toEqual([id]);
  });
});
