import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../agent/runs/store.ts';
import { Agent } from '../support/agent.ts';

const HEADER = 100;
const UNLIMITED = { days: 3650, count: 1_000_000, megabytes: 100_000 };

describe('records of runs', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'store-'));
    file = path.join(folder, 'runs.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Makes runs that have ended, with a kibibyte of output each unless told, and one that waits. */
  function fill(count: number, outputChars = 1024) {
    const store = openStore(file);
    const request = { prompt: 'x', timeoutMs: 1000, workdir: '/', options: {}, labels: {} };
    const waiting = store.accept(request, 'session');
    const ended = Array.from({ length: count }, (_, i) => {
      const run = store.accept(request, 'session', { idempotency: { key: `k${i}`, requestHash: 'h' } });
      const output = 'x'.repeat(outputChars);
      return store.end(store.begin(run), { outcome: 'succeeded', output, permissionDenials: [], warnings: [] });
    });
    return { store, waiting, ended };
  }

  it('beyond the count are removed, oldest first, with their keys, and never one that has not ended', () => {
    const { store, waiting, ended } = fill(10);
    expect(store.prune({ ...UNLIMITED, count: 3 })).toBe(7);
    expect(store.list({ limit: 100 }).runs.map(({ id }) => id)).toEqual([
      ...ended
        .slice(-3)
        .map(({ id }) => id)
        .reverse(),
      waiting.id,
    ]);
    expect(store.findByKey({ key: 'k0', requestHash: 'h' })).toBeUndefined();
    expect(store.findByKey({ key: 'k9', requestHash: 'h' })?.id).toBe(ended[9]?.id);
    store[Symbol.dispose]();
  });

  it('beyond the age are removed', () => {
    const { store } = fill(3);
    expect(store.prune(UNLIMITED)).toBe(0);
    expect(store.prune({ ...UNLIMITED, days: -1 })).toBe(3);
    store[Symbol.dispose]();
  });

  it('stay while their callback is not delivered, unless the file is too large, and take it with them', () => {
    const { store } = fill(3);
    const request = { prompt: 'x', timeoutMs: 1000, workdir: '/', options: {}, labels: {}, callbackUrl: 'http://h/' };
    const result = { outcome: 'succeeded', output: '', permissionDenials: [], warnings: [] } as const;
    const [pending, delivered] = [0, 1].map(() => store.end(store.begin(store.accept(request, 'a-session')), result));
    store.callbacks.update(delivered?.id ?? '', { host: 'h', state: 'delivered', attempts: 1 });
    expect(store.prune({ ...UNLIMITED, days: -1, count: 1 })).toBe(4);
    expect(store.find(pending?.id ?? '')?.callback?.state).toBe('pending');
    expect(store.callbacks.pending).toBe(1);
    store.prune({ ...UNLIMITED, megabytes: 0 });
    expect(store.find(pending?.id ?? '')).toBeUndefined();
    expect(store.callbacks.pending).toBe(0);
    store[Symbol.dispose]();
  });

  it('beyond the size are removed, and the file shrinks', () => {
    const { store } = fill(200, 200_000);
    expect(store.prune({ ...UNLIMITED, megabytes: 10 })).toBeGreaterThan(0);
    expect(statSync(file).size).toBeLessThanOrEqual(10 * 1_048_576);
    expect(store.list({ limit: 100 }).runs.length).toBeGreaterThan(10);
    store[Symbol.dispose]();
  });
});

describe('a damaged file of records', () => {
  let agent: Agent;
  afterEach(() => agent[Symbol.asyncDispose]());

  it.each([
    ['is no database', () => Buffer.from('this is no database, and never was one'.repeat(200))],
    [
      'is broken within',
      (content: Buffer) => Buffer.concat([content.subarray(0, 4096), content.subarray(4096).fill(7)]),
    ],
  ])('that %s is set aside with a clear log, and a new one is begun', async (_, damage) => {
    agent = await Agent.start();
    await agent.run('before');
    await agent.end('SIGTERM');
    const file = path.join(agent.stateDir, 'runs.db');
    const damaged = damage(readFileSync(file));
    writeFileSync(file, damaged);
    await agent.start();
    expect((await agent.run('after')).success).toBe(true);
    const aside = readdirSync(agent.stateDir).find((name) => name.startsWith('runs.db.damaged-')) ?? '';
    // SQLite counts changes in the header, even on closing a file it has only read.
    const kept = readFileSync(path.join(agent.stateDir, aside));
    expect(kept.subarray(HEADER).equals(damaged.subarray(HEADER))).toBe(true);
    expect(agent.lines.some((line) => line.includes('"level":"error"') && line.includes(aside))).toBe(true);
  });
});
