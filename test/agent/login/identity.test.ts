import { chmodSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { identityOf, sessionCredential, variableCredential } from '../../../agent/login/credential.ts';
import { folder } from '../../support/folder.ts';

const session = (accessToken: string) => JSON.stringify({ claudeAiOauth: { accessToken, refreshToken: 'r' } });

describe('the identity of a credential', () => {
  it('is that of its value, also when its file is written again', () => {
    const file = path.join(folder({ token: 'one' }), 'token');
    const credential = variableCredential('oauthToken', file, undefined);
    const before = identityOf(credential);
    utimesSync(file, new Date(0), new Date(0));
    expect(identityOf(credential)).toBe(before);
    expect(identityOf(variableCredential('oauthToken', undefined, 'one'))).toBe(before);
    writeFileSync(file, 'two');
    expect(identityOf(credential)).not.toBe(before);
    expect(before).not.toContain('one');
  });

  it('differs between a token and a key with the same value', () => {
    const [token, key] = (['oauthToken', 'apiKey'] as const).map((mode) => variableCredential(mode, undefined, 'one'));
    expect(token && identityOf(token)).not.toBe(key && identityOf(key));
  });

  it('of a session changes with its tokens', () => {
    const dir = folder({ '.credentials.json': session('one') });
    const credential = sessionCredential(dir, dir, '');
    const before = identityOf(credential);
    expect(identityOf(credential)).toBe(before);
    writeFileSync(path.join(dir, '.credentials.json'), session('two'));
    expect(identityOf(credential)).not.toBe(before);
  });

  it('can be asked for when there is no file', () => {
    const dir = folder({ token: 'one' });
    const credential = variableCredential('oauthToken', path.join(dir, 'token'), undefined);
    const before = identityOf(credential);
    rmSync(path.join(dir, 'token'));
    expect(identityOf(credential)).not.toBe(before);
    chmodSync(dir, 0);
    expect(identityOf(credential)).toEqual(expect.any(String));
    chmodSync(dir, 0o700);
  });
});
