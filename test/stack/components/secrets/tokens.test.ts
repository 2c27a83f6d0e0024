import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { describe, expect, test } from 'vitest';

import { CALLBACK_SECRET as CALLBACK_SECRET_PATTERN } from '../../../../agent/contract.ts';
import { settled } from '../../../../stack/pulumi-internals/monitor.ts';
import { readTokenFile } from '../../../../stack/components/secrets/tokens.ts';
import { API_TOKEN, CALLBACK_SECRET, runProgram, secretOf } from '../../program.ts';

const dataOf = async (secret: string, config: Record<string, string> = {}) =>
  secretOf((await runProgram(config)).resources, secret);

const project = (token?: string): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'project-'));
  mkdirSync(path.join(folder, '.local'));
  if (token !== undefined) writeFileSync(path.join(folder, '.local', 'agent-token'), token);
  return folder;
};

describe('the tokens', () => {
  test('are in the agent only as SHA-256, in hex', async () => {
    const hash = (token: string) => createHash('sha256').update(token, 'utf8').digest('hex');
    const { resources } = await runProgram();
    const { token = '' } = secretOf(resources, 'claude-watchdog-token');
    expect(secretOf(resources, 'claude-agent-token')).toEqual({
      sha256: hash(API_TOKEN),
      'watchdog-sha256': hash(token),
    });
  });

  test('include one for the watchdog, derived from the API token without revealing it', async () => {
    const own = createHmac('sha256', API_TOKEN).update('claude-auth-watchdog').digest('hex');
    expect(await dataOf('claude-watchdog-token')).toEqual({ token: own });
  });

  test('include a secret for callbacks: the configured one, or one derived from the API token', async () => {
    const own = createHmac('sha256', API_TOKEN).update('claude-callback-secret').digest('base64');
    expect(await dataOf('claude-callback-secret')).toEqual({ secret: `whsec_${own}` });
    expect(`whsec_${own}`).toMatch(CALLBACK_SECRET_PATTERN);
    const another = `whsec_${createHmac('sha256', 'x').digest('base64')}`;
    const two = { callbackSecret: `${CALLBACK_SECRET}  ${another}\n` };
    expect(await dataOf('claude-callback-secret', two)).toEqual({ secret: `${CALLBACK_SECRET}\n${another}` });
  });

  test('are two of the operator while it is rotated: the older one stays valid, and the secret that it signs with', async () => {
    const hash = (token: string) => createHash('sha256').update(token, 'utf8').digest('hex');
    const hmac = (token: string, name: string) => createHmac('sha256', token).update(name);
    const { resources } = await runProgram({ agentToken: 'older newer' });
    expect(secretOf(resources, 'claude-agent-token')).toEqual({
      sha256: hash('newer'),
      'earlier-sha256': hash('older'),
      'watchdog-sha256': hash(hmac('newer', 'claude-auth-watchdog').digest('hex')),
    });
    const signing = (token: string) => `whsec_${hmac(token, 'claude-callback-secret').digest('base64')}`;
    expect(secretOf(resources, 'claude-callback-secret')).toEqual({
      secret: `${signing('newer')}\n${signing('older')}`,
    });
    const before = await runProgram({ agentToken: 'newer' });
    for (const secret of ['claude-watchdog-token', 'claude-runner-key'])
      expect(secretOf(resources, secret)).toEqual(secretOf(before.resources, secret));

    const folder = project('newer\n');
    writeFileSync(path.join(folder, '.local', 'agent-token-earlier'), 'older\n');
    expect(await settled(readTokenFile(folder))).toBe('older newer');
  });

  test('come from the file on this machine, without the line break', async () => {
    expect(await settled(readTokenFile(project('abc\n')))).toBe('abc');
  });

  test('are missing without a file, and an error if the file is empty', () => {
    expect(readTokenFile(project())).toBeUndefined();
    expect(() => readTokenFile(project('\n'))).toThrow(/agent-token is empty/);
  });
});
