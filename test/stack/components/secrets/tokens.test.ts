import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { describe, expect, test } from 'vitest';

import { CALLBACK_SECRET as CALLBACK_SECRET_PATTERN } from '../../../../agent/contract.ts';
import { settled } from '../../../../stack/pulumi-internals/monitor.ts';
import { callbackSecretOf, readTokenFile, watchdogTokenOf } from '../../../../stack/components/secrets/tokens.ts';
import { API_TOKEN, CALLBACK_SECRET, find, runProgram } from '../../program.ts';

/** A Secret's data as the program registered it, without Pulumi's secret marker. */
async function dataOf(secret: string, config: Record<string, string> = {}): Promise<Record<string, string>> {
  const { data } = find((await runProgram(config)).resources, 'kubernetes:core/v1:Secret', secret) as {
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
  test('are in the agent only as SHA-256, in hex', async () => {
    const hash = (token: string) => createHash('sha256').update(token, 'utf8').digest('hex');
    expect(await dataOf('claude-agent-token')).toEqual({
      sha256: hash(API_TOKEN),
      'watchdog-sha256': hash(watchdogTokenOf(API_TOKEN)),
    });
  });

  test('include one for the watchdog, derived from the API token without revealing it', async () => {
    const own = createHmac('sha256', API_TOKEN).update('claude-auth-watchdog').digest('hex');
    expect(await dataOf('claude-watchdog-token')).toEqual({ token: own });
  });

  test('include a secret for callbacks: the configured one, or one derived from the API token', async () => {
    const own = createHmac('sha256', API_TOKEN).update('claude-callback-secret').digest('base64');
    expect(await dataOf('claude-callback-secret')).toEqual({ secret: `whsec_${own}` });
    expect(CALLBACK_SECRET_PATTERN.test(callbackSecretOf(API_TOKEN))).toBe(true);
    const two = { callbackSecret: `${CALLBACK_SECRET}  ${callbackSecretOf('x')}\n` };
    expect(await dataOf('claude-callback-secret', two)).toEqual({
      secret: `${CALLBACK_SECRET}\n${callbackSecretOf('x')}`,
    });
  });

  test('come from the file on this machine, without the line break', async () => {
    expect(await settled(readTokenFile(project('abc\n')))).toBe('abc');
  });

  test('are missing without a file, and an error if the file is empty', () => {
    expect(readTokenFile(project())).toBeUndefined();
    expect(() => readTokenFile(project('\n'))).toThrow(/agent-token is empty/);
  });
});
