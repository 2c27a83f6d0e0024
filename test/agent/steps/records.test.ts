import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { maskOf, secretsOfLogin } from '../../../agent/steps/known-secrets.ts';
import { Mask } from '../../../agent/steps/mask.ts';
import { NO_OUTPUT } from '../../../agent/store/run.ts';
import { openStore } from '../../../agent/store/sqlite.ts';
import type { RunStore } from '../../../agent/store/store.ts';

const DAY = 86_400_000;
const NO_LIMIT = { days: 3650, count: 1_000_000, megabytes: 100_000 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'steps-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the records of steps', () => {
  let store: RunStore;
  const file = () => path.join(folder, 'runs.db');
  beforeEach(() => {
    store = openStore(file());
  });
  afterEach(() => store[Symbol.dispose]());

  /** An ended run with one step of this size. */
  function record(chars: number): string {
    const request = { prompt: 'x', options: {}, labels: {}, timeoutMs: 1, workdir: folder };
    const run = store.accept(request, crypto.randomUUID(), { begins: true });
    const text = 'x'.repeat(chars);
    const step = { number: 1, at: run.acceptedAt, type: 'text', text };
    store.steps.add({ runId: run.id, steps: JSON.stringify([step]), omitted: 0 });
    store.end(run, { ...NO_OUTPUT, outcome: 'succeeded' });
    return run.id;
  }

  function endedDaysAgo(id: string, days: number): void {
    store[Symbol.dispose]();
    const db = new DatabaseSync(file());
    db.prepare('UPDATE runs SET ended_at = ? WHERE id = ?').run(new Date(Date.now() - days * DAY).toISOString(), id);
    db.close();
    store = openStore(file());
  }

  it('are removed when they are too old, and the records stay', async () => {
    const [old, young] = [record(10), record(10)];
    endedDaysAgo(old, 8);
    expect(await store.steps.prune({ ...NO_LIMIT, days: 7 })).toBe(1);
    expect([old, young].map((id) => store.steps.has(id))).toEqual([false, true]);
    expect(store.find(old)).toBeDefined();
  });

  it('are removed with their runs', async () => {
    const id = record(10);
    endedDaysAgo(id, 8);
    await store.prune({ ...NO_LIMIT, days: 7 });
    expect(store.steps.of(id)).toBeUndefined();
  });

  it('go before records when the file is too large, the oldest first', async () => {
    const ids = Array.from({ length: 12 }, () => record(1_000_000));
    expect(await store.steps.prune({ ...NO_LIMIT, megabytes: 10 })).toBe(2);
    expect(ids.map((id) => store.steps.has(id))).toEqual(ids.map((_, i) => i >= 2));
    expect(await store.prune({ ...NO_LIMIT, megabytes: 10 })).toBe(0);
  });
});

describe('the mask', () => {
  it('knows a login that was renewed, and the one before', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const file = path.join(folder, 'login');
    const write = (accessToken: string) => writeFileSync(file, JSON.stringify({ claudeAiOauth: { accessToken } }));
    write('the-first-token');
    const mask = maskOf({ fixed: [], files: [{ path: file, read: secretsOfLogin }] });
    expect(mask().all('the-first-token the-renewed-token')).toBe('[masked] the-renewed-token');
    write('the-renewed-token');
    vi.advanceTimersByTime(1000);
    expect(mask().all('the-first-token the-renewed-token')).toBe('[masked] [masked]');
    vi.useRealTimers();
  });

  it('hides a secret that begins before the cut, however many there are before it', () => {
    const mask = new Mask();
    mask.add(['s3cret-value', 'short']);
    expect(mask.cut('s3cret-values3cret-value', 13)).toEqual({ text: '[masked][masked]', omitted: 0 });
    expect(mask.cut('0123456789 s3cret-value and more', 14)).toEqual({ text: '0123456789 [masked]', omitted: 9 });
    expect(mask.all('short')).toBe('short');
  });

  it.each([
    ['Anthropic', `sk-ant-oat01-${'b'.repeat(30)}`],
    ['runs', `run_${'a'.repeat(43)}`],
    ['a GitHub App', `ghs_${'A1'.repeat(18)}`],
    // The form since 2026, with a JWT.
    ['a GitHub App that carry data', `ghs_12345_eyJ${'a'.repeat(200)}.eyJ${'b'.repeat(200)}.${'c-_'.repeat(30)}`],
    ['a person at GitHub', `github_pat_${'a'.repeat(22)}_${'b'.repeat(59)}`],
  ])('hides tokens of %s that nobody told it', (_, token) => {
    expect(new Mask().all(`${token}, run_tests, ghs_tests`)).toBe('[masked], run_tests, ghs_tests');
  });
});
