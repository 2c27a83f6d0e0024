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

/** Begins with a login that holds. */
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
  it('is put back where the one before it was good', () => {
    hold(GOOD);
    write(RENEWED);
    custody.inspect(undefined);
    expect(there()).toBe(RENEWED);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([GOOD, GOOD]);
  });

  it.each([
    ['had ended', login('old', inHours(-1))],
    ['had five minutes left', login('old', Date.now() + 5 * MINUTE)],
    ['was emptied', EMPTIED],
    ['was none', 'nothing'],
  ])('holds where the one before it %s', (_, before) => {
    hold(before);
    write(RENEWED);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([RENEWED, RENEWED]);
  });

  it('holds where the API had refused the one before it, and only until it answers', () => {
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

  it('is put back where the API was only busy', () => {
    hold(GOOD);
    custody.inspect(BUSY);
    write(RENEWED);
    custody.inspect(BUSY);
    custody.reconcile('a run');
    expect(there()).toBe(GOOD);
  });

  it('is put back as it was renewed where something was written over the renewal', () => {
    hold(login('old', inHours(-1)));
    write(RENEWED);
    custody.inspect(undefined);
    write(login('planted', inHours(8)));
    custody.inspect(undefined);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([RENEWED, RENEWED]);
  });

  it.each([
    ['ends too late', login('planted', 8e15)],
    ['ends at no time', login('planted', 1e300)],
    ['has the same tokens', login('old', inHours(24))],
    ['is not JSON', '{'],
    ['is another file', '{"claudeAiOauth":{}}'],
    ['is too long', login('x'.repeat(70_000), inHours(8))],
  ])('is put back, whatever the one before it was, where it %s', (_, text) => {
    const old = login('old', inHours(-1));
    hold(old);
    write(text);
    custody.inspect(REFUSAL);
    custody.reconcile('a run');
    expect([there(), held]).toEqual([old, old]);
  });

  it('may have been emptied, which a refused renewal does', () => {
    hold(GOOD);
    custody.inspect(REFUSAL);
    write(EMPTIED);
    custody.reconcile('a run');
    expect(held).toBe(EMPTIED);
  });

  it.each(['nothing', 'a folder', 'a link'])('is put back where there is %s', (what) => {
    hold(GOOD);
    rmSync(file());
    if (what === 'a folder') mkdirSync(path.join(file(), 'x'), { recursive: true });
    if (what === 'a link') symlinkSync('/etc/hostname', file());
    custody.inspect(undefined);
    custody.reconcile('a run');
    expect(there()).toBe(GOOD);
  });
});

describe('a login that changed while no run was going on', () => {
  it('holds, as people do that', () => {
    hold(GOOD);
    write(RENEWED);
    custody.reconcile('people');
    expect([there(), held]).toEqual([RENEWED, RENEWED]);
  });

  it('is put back where it ends too late', () => {
    hold(GOOD);
    write(login('planted', 8e15));
    custody.reconcile('people');
    expect(there()).toBe(GOOD);
  });
});

describe('a login of which nothing was recorded', () => {
  it.each([
    ['holds where it ends at a likely time', GOOD, GOOD],
    ['holds where it does not say when it ends', login('endless', null), login('endless', null)],
    ['is removed where it ends too late', login('planted', 8e15), undefined],
  ])('%s', (_, text, expected) => {
    hold(undefined);
    write(text);
    custody.reconcile('a run');
    expect(held).toBe(expected);
  });
});
