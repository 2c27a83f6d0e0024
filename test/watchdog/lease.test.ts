import { mkdtempSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { LedgerLease } from '../../watchdog/ledger/lease.ts';
import { FileLedger } from '../../watchdog/ledger/file.ts';
import { LedgerConflictError } from '../../watchdog/ledger/ledger.ts';

const FAR = '2999-01-01T00:00:00.000Z';
const MINUTE = 60_000;

/** A ledger that a pass of another machine has, and a pass that takes it as soon as it can. */
async function claimed(until: string) {
  const ledger = new FileLedger(path.join(mkdtempSync(path.join(tmpdir(), 'lease-')), 'ledger.db'));
  const claim = async () => {
    const entry = await ledger.read();
    await ledger.write(entry, { ...entry.state, claim: { by: 'elsewhere/1', until } });
  };
  await claim();
  const waits: [string, number][] = [];
  let outcome: unknown;
  const never = () => false;
  void LedgerLease.acquire(
    ledger,
    'here/2',
    ({ state }) => state,
    never,
    (...wait) => void waits.push(wait),
  ).then(
    (lease) => (outcome = lease),
    (error: unknown) => (outcome = error),
  );
  await vi.advanceTimersByTimeAsync(0);
  return { claim, waits, outcome: () => outcome };
}

test('a claim by the process itself is that of an earlier one with the same id, which has ended', () => {
  const ledger = new FileLedger(path.join(mkdtempSync(path.join(tmpdir(), 'lease-')), 'ledger.db'));
  expect(ledger.isGone(`${hostname()}/${process.pid}`)).toBe(true);
  expect(ledger.isGone(`${hostname()}/${process.ppid}`)).toBe(false);
  expect(ledger.isGone(`elsewhere/${process.pid}`)).toBe(false);
});

describe('a claim of another pass', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('that lasts for centuries is waited for as long as a claim holds, and no longer', async () => {
    const { waits, outcome } = await claimed(FAR);
    await vi.advanceTimersByTimeAsync(118_000);
    expect(outcome()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(4000);
    expect(outcome()).toBeInstanceOf(LedgerLease);
    expect(waits).toEqual([['elsewhere/1', 120_000]]);
  });

  test('that is renewed is waited for, though by this clock it lasts for centuries', async () => {
    const { claim, outcome } = await claimed(FAR);
    for (let minute = 0; minute < 5; minute++) {
      await claim();
      await vi.advanceTimersByTimeAsync(MINUTE);
    }
    expect(outcome()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(outcome()).toBeInstanceOf(LedgerLease);
  });

  test('that is over by its own word is taken at once after it', async () => {
    const { outcome } = await claimed(new Date(Date.now() + 5000).toISOString());
    await vi.advanceTimersByTimeAsync(4000);
    expect(outcome()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2000);
    expect(outcome()).toBeInstanceOf(LedgerLease);
  });

  test('that is renewed without end is left to the next pass', async () => {
    const { claim, outcome } = await claimed(FAR);
    for (let minute = 0; minute < 11; minute++) {
      await claim();
      await vi.advanceTimersByTimeAsync(MINUTE);
    }
    expect(outcome()).toBeInstanceOf(LedgerConflictError);
    expect((outcome() as Error).message).toMatch(/^elsewhere\/1 has held \S+ledger\.db for 10 minutes$/);
  });
});
