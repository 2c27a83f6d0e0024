import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { describe, expect, test } from 'vitest';

import { readTokenFile, watchdogTokenOf } from '../../stack/tokens.ts';
import { API_TOKEN, find, runProgram, settled } from './program.ts';

/** A Secret's data as the program gave it, out of Pulumi's mark. */
async function dataOf(secret: string): Promise<Record<string, string>> {
  const { data } = find((await runProgram()).resources, 'kubernetes:core/v1:Secret', secret) as {
    data: { value: Record<string, string> };
  };
  return Object.fromEntries(
    Object.entries(data.value).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}

const project = (token?: string): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'project-'));
  mkdirSync(path.join(folder, '.local'));
  if (token !== undefined) writeFileSync(path.join(folder, '.local', 'agent-token'), token);
  return folder;
};

describe('the tokens', () => {
  test('are in the agent as SHA-256 only, in hex', async () => {
    const hash = (token: string) => createHash('sha256').update(token, 'utf8').digest('hex');
    expect(await dataOf('claude-agent-token')).toEqual({
      sha256: hash(API_TOKEN),
      'watchdog-sha256': hash(watchdogTokenOf(API_TOKEN)),
    });
  });

  test('give the watchdog one of its own, which is made from the API token but does not tell it', async () => {
    const own = createHmac('sha256', API_TOKEN).update('claude-auth-watchdog').digest('hex');
    expect(await dataOf('claude-watchdog-token')).toEqual({ token: own });
  });

  test('come from the file of this machine, without the line break', async () => {
    expect(await settled(readTokenFile(project('abc\n')))).toBe('abc');
  });

  test('are none where there is no file, and an error where the file is empty', () => {
    expect(readTokenFile(project())).toBeUndefined();
    expect(() => readTokenFile(project('\n'))).toThrow(/agent-token is empty/);
  });
});
