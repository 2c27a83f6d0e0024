import { mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LoginCustody, type LoginWatch } from '../../../agent/login/login-custody.ts';
import type { ApiError } from '../../../agent/claude/transcript.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const REFUSAL: ApiError = { kind: 'authentication_failed', status: 401, detail: undefined, message: 'no' };
const BUSY: ApiError = { kind: 'overloaded', status: 529, detail: undefined, message: 'later' };

let folder: string;
let held: string | undefined;
let custody: LoginCustody;
let run: LoginWatch;
const file = () => path.join(folder, '.credentials.json');
const login = (name: string, expiresAt: unknown) =>
  JSON.stringify({ claudeAiOauth: { accessToken: name, refreshToken: `r-${name}`, expiresAt } });
const inHours = (hours: number) => Date.now() + hours * HOUR;
const GOOD = login('good', inHours(8));
const RENEWED = login('renewed', inHours(16));
const EMPTIED = login('', 0).replace('r-', '');
const write = (text: string) => writeFileSync(file(), text);
const there = () => readFileSync(file(), 'utf8');

/** Starts a run with a valid login. */
function hold(text: string | undefined): void {
  held = text;
  if (text !== undefined) write(text);
  run = custody.begin();
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'login-'));
  const kept = { read: () => held, keep: (text: string) => void (held = text) };
  custody = new LoginCustody(file(), kept, { warn: () => undefined });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a login that changed during a run', () => {
  it('is restored if the previous one was valid', () => {
    hold(GOOD);
    write(RENEWED);
    run.heard(undefined);
    expect(there()).toBe(RENEWED);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([GOOD, GOOD]);
  });

  it.each([
    ['had expired', login('old', inHours(-1))],
    ['had five minutes left', login('old', Date.now() + 5 * MINUTE)],
    ['was emptied', EMPTIED],
    ['did not exist', 'nothing'],
  ])('is accepted if the previous one %s', (_, before) => {
    hold(before);
    write(RENEWED);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([RENEWED, RENEWED]);
  });

  it('is accepted if the API had refused the previous one, and only until the API answers', () => {
    hold(GOOD);
    run.heard(REFUSAL);
    write(RENEWED);
    run.heard(REFUSAL);
    expect(held).toBe(RENEWED);

    write(login('planted', inHours(8)));
    run.heard(REFUSAL);
    run.heard(undefined);
    custody.reconcile('a run');
    expect(there()).toBe(RENEWED);

    run.heard(REFUSAL);
    run.heard(undefined);
    write(login('planted', inHours(8)));
    custody.reconcile('a run');
    expect(there()).toBe(RENEWED);
  });

  it('is restored if the API was only overloaded', () => {
    hold(GOOD);
    run.heard(BUSY);
    write(RENEWED);
    run.heard(BUSY);
    custody.reconcile('a run');
    expect(there()).toBe(GOOD);
  });

  it('is restored to the renewed one if something overwrote the renewal', () => {
    hold(login('old', inHours(-1)));
    write(RENEWED);
    run.heard(undefined);
    write(login('planted', inHours(8)));
    run.heard(undefined);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([RENEWED, RENEWED]);
  });

  it.each([
    ['expires too late', login('planted', 8e15)],
    ['has an impossible expiry', login('planted', 1e300)],
    ['has the same tokens', login('old', inHours(24))],
    ['is not JSON', '{'],
    ['contains no login', '{"claudeAiOauth":{}}'],
    ['is too long', login('x'.repeat(70_000), inHours(8))],
  ])('is restored, whatever the previous one was, if it %s', (_, text) => {
    const old = login('old', inHours(-1));
    hold(old);
    write(text);
    run.heard(REFUSAL);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([old, old]);
  });

  it('may be empty, which a refused renewal causes', () => {
    hold(GOOD);
    run.heard(REFUSAL);
    write(EMPTIED);
    custody.reconcile('a run');
    expect(held).toBe(EMPTIED);
  });

  it.each(['nothing', 'a folder', 'a link'])('is restored if there is %s', (what) => {
    hold(GOOD);
    rmSync(file());
    if (what === 'a folder') mkdirSync(path.join(file(), 'x'), { recursive: true });
    if (what === 'a link') symlinkSync('/etc/hostname', file());
    run.heard(undefined);
    custody.reconcile('a run');
    expect(there()).toBe(GOOD);
  });
});

describe('a login that changed while several runs were in progress', () => {
  const PLANTED = login('planted', inHours(8));
  /** A refusal of its own, as each request has one. */
  const refusal = (): ApiError => ({ ...REFUSAL });
  let other: LoginWatch;
  beforeEach(() => {
    hold(GOOD);
    other = custody.begin();
  });

  it('is accepted if the API had refused the previous one in any run, whatever the others heard', () => {
    run.heard(REFUSAL);
    other.heard(undefined);
    write(RENEWED);
    other.heard(undefined);
    expect(held).toBe(RENEWED);
  });

  it('is accepted if the report of the refusal is read a little later than one of another run', () => {
    write(RENEWED);
    other.heard(undefined);
    run.heard(REFUSAL);
    expect(held).toBe(RENEWED);
  });

  it('is restored if the run that was refused has ended', async () => {
    run.heard(REFUSAL);
    await run.end();
    write(PLANTED);
    other.heard(undefined);
    await other.end();
    expect([there(), held]).toEqual([GOOD, GOOD]);
  });

  it('is restored if the refusals came before a renewal', async () => {
    const [one, two] = [refusal(), refusal()];
    run.heard(one);
    other.heard(two);
    write(RENEWED);
    run.heard(one);
    write(PLANTED);
    other.heard(two);
    await other.end();
    expect([there(), held]).toEqual([RENEWED, RENEWED]);
  });

  it('is restored if a prompt wrote it, and the API refused it in another run', async () => {
    write(PLANTED);
    run.heard(undefined);
    // What processes had written by then is read after two turns of the event loop.
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    other.heard(REFUSAL);
    write(login('from its refresh token', inHours(8)));
    other.heard(REFUSAL);
    other.heard(refusal());
    await other.end();
    expect([there(), held]).toEqual([GOOD, GOOD]);
  });

  it('is restored at the end of each, and a renewal is accepted after that', async () => {
    write(PLANTED);
    await run.end();
    expect([there(), held]).toEqual([GOOD, GOOD]);
    other.heard(REFUSAL);
    write(RENEWED);
    await other.end();
    expect([there(), held]).toEqual([RENEWED, RENEWED]);
  });

  it('does not count as the work of people when the next run starts', () => {
    write(PLANTED);
    custody.begin();
    expect(held).toBe(GOOD);
  });
});

describe('a login that changed while no run was in progress', () => {
  it('is accepted, because people made the change', () => {
    hold(GOOD);
    write(RENEWED);
    custody.reconcile('people');
    expect([there(), held]).toEqual([RENEWED, RENEWED]);
  });

  it('is restored if it expires too late', () => {
    hold(GOOD);
    write(login('planted', 8e15));
    custody.reconcile('people');
    expect(there()).toBe(GOOD);
  });
});

describe('a login without a record', () => {
  it.each([
    ['is accepted if its expiry is plausible', GOOD, GOOD],
    ['is accepted without an expiry', login('endless', null), login('endless', null)],
    ['is removed if it expires too late', login('planted', 8e15), undefined],
  ])('%s', (_, text, expected) => {
    hold(undefined);
    write(text);
    custody.reconcile('a run');
    expect(held).toBe(expected);
  });
});
