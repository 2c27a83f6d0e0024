import { createHash, createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchdogTokenSha256 } from '../../agent/http/token.ts';
import { isSigned, publicKeyOf, signChallenge } from '../../agent/runner/key.ts';
import { ownRunnerKey, publishRunnerKey } from '../../agent/runner/client/own-key.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'own-keys-'))));
afterEach(() => rmSync(folder, { recursive: true }));

describe('the key for runners that the agent makes', () => {
  it('stays the same, and only its owner may read it', () => {
    const key = ownRunnerKey(folder);
    expect(ownRunnerKey(folder).equals(key)).toBe(true);
    expect(statSync(path.join(folder, 'runner-key.pem')).mode & 0o777).toBe(0o600);
  });

  it('has a public part that a runner knows the agent by', () => {
    const key = ownRunnerKey(folder);
    const file = path.join(folder, 'public');
    publishRunnerKey(key, file);
    publishRunnerKey(key, file);
    const known = publicKeyOf(readFileSync(file, 'utf8').trim()) ?? expect.fail('it is no key');
    expect(known.equals(createPublicKey(key))).toBe(true);
    const challenge = { address: '127.0.0.1', port: 7070, nonce: 'x' };
    expect(isSigned(challenge, signChallenge(challenge, key), known)).toBe(true);
  });

  it('is an error that says what to do if its file holds none', () => {
    writeFileSync(path.join(folder, 'runner-key.pem'), 'x');
    expect(() => ownRunnerKey(folder)).toThrow(/runner-key\.pem holds no private key .* Delete it so that a new key/);
  });

  it('is an error that names the file if its public part cannot be written', () => {
    expect(() => publishRunnerKey(ownRunnerKey(folder), path.join(folder, 'missing', 'key'))).toThrow(
      /cannot be written to .*missing\/key \(ENOENT/,
    );
  });
});

describe("the watchdog's token", () => {
  const inFile = (file: string) => watchdogTokenSha256({ watchdogTokenFile: file, watchdogTokenSha256: undefined });

  it('is made in the file that is set, and stays the same', () => {
    const file = path.join(folder, 'token');
    const hash = inFile(file);
    const token = readFileSync(file, 'utf8').trim();
    expect(token.length).toBeGreaterThan(40);
    expect(hash).toBe(createHash('sha256').update(token).digest('hex'));
    expect(inFile(file)).toBe(hash);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is an error that names the file if it is empty or cannot be used', () => {
    const file = path.join(folder, 'token');
    writeFileSync(file, '\n');
    expect(() => inFile(file)).toThrow(/token is empty\. Delete it .* or set AGENT_WATCHDOG_TOKEN_SHA256 instead/);
    mkdirSync(path.join(folder, 'folder'));
    expect(() => inFile(path.join(folder, 'folder'))).toThrow(/which holds the watchdog's token, cannot be used/);
  });

  it('is none if nothing is set', () => {
    expect(watchdogTokenSha256({ watchdogTokenFile: undefined, watchdogTokenSha256: undefined })).toBeUndefined();
  });
});
