import { mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LoginCustody } from '../../../agent/login/login-custody.ts';
import type { ApiError } from '../../../agent/claude/transcript.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const REFUSAL: ApiError = { kind: 'authentication_failed', status: 401, detail: undefined, message: 'no' };
const BUSY: ApiError = { kind: 'overloaded', status: 529, detail: undefined, message: 'later' };

let folder: string;
let held: string | undefined;
let custody: LoginCustody;
const file = () => path.join(folder, '.credentials.json');
const login = (name: string, expiresAt: unknown) =>
  JSON.stringify({ claudeAiOauth: { accessToken: name, refreshToken: `r-${name}`, expiresAt } });
const inHours = (hours: number) => Date.now() + hours * HOUR;
const GOOD = login('good', inHours(8));
const RENEWED = login('renewed', inHours(16));
const EMPTIED = login('', 0).replace('r-', '');
const write = (text: string) => writeFileSync(file(), text);
const there = () => readFileSync(file(), 'utf8');

/** Starts with a valid login. */
function hold(text: string | undefined): void {
  held = text;
  if (text !== undefined) write(text);
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
    custody.inspect(undefined);
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
    custody.inspect(REFUSAL);
    write(RENEWED);
    custody.inspect(REFUSAL);
    expect(held).toBe(RENEWED);

    write(login('planted', inHours(8)));
    custody.inspect(REFUSAL);
    custody.inspect(undefined);
    custody.reconcile('a run');
    expect(there()).toBe(RENEWED);

    custody.inspect(REFUSAL);
    custody.inspect(undefined);
    write(login('planted', inHours(8)));
    custody.reconcile('a run');
    expect(there()).toBe(RENEWED);
  });

  it('is restored if the API was only overloaded', () => {
    hold(GOOD);
    custody.inspect(BUSY);
    write(RENEWED);
    custody.inspect(BUSY);
    custody.reconcile('a run');
    expect(there()).toBe(GOOD);
  });

  it('is restored to the renewed one if something overwrote the renewal', () => {
    hold(login('old', inHours(-1)));
    write(RENEWED);
    custody.inspect(undefined);
    write(login('planted', inHours(8)));
    custody.inspect(undefined);
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
    custody.inspect(REFUSAL);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([old, old]);
  });

  it('may be empty, which a refused renewal causes', () => {
    hold(GOOD);
    custody.inspect(REFUSAL);
    write(EMPTIED);
    custody.reconcile('a run');
    expect(held).toBe(EMPTIED);
  });

  it.each(['nothing', 'a folder', 'a link'])('is restored if there is %s', (what) => {
    hold(GOOD);
    rmSync(file());
    if (what === 'a folder') mkdirSync(path.join(file(), 'x'), { recursive: true });
    if (what === 'a link') symlinkSync('/etc/hostname', file());
    custody.inspect(undefined);
    custody.reconcile('a run');
    expect(there()).toBe(GOOD);
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
