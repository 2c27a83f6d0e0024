import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startPulumiService, type PulumiService } from '../doubles/pulumi-service/server.ts';
import { Checkout } from './checkout.ts';
import { agentPod, kubectl } from './cluster.ts';
import { missingRequirement } from './requirements.ts';
import { needs } from '../support/needs.ts';

const UP = ['--yes', '--skip-preview', '--non-interactive'];

let service: PulumiService;
let checkout: Checkout;
let elsewhere: Checkout;

async function succeeds(from: Checkout, name: string, ...args: string[]): Promise<string> {
  const { exitCode, output } = await from.npm(name, ...args);
  expect(exitCode, output).toBe(0);
  return output;
}

const queueLimit = async () =>
  /"name": "AGENT_QUEUE_LIMIT",\s+"value": "(\d+)"/.exec(
    await kubectl(['get', 'deployment/claude-code-agent', '--namespace', 'claude-agent', '--output', 'json']),
  )?.[1];

describe('the state in a Pulumi service', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    service = await startPulumiService();
    const env = { PULUMI_BACKEND_URL: service.url, PULUMI_ACCESS_TOKEN: service.accessToken };
    checkout = new Checkout({ env });
    elsewhere = new Checkout({ env: { ...env, DOCKER_HOST: 'unix:///nowhere/docker.sock' } });
    await checkout.fill();
    await elsewhere.fill();
    checkout.logIn(2);
  });

  afterAll(async () => {
    await checkout.npm('down', ...UP);
    elsewhere.remove();
    checkout.remove();
    await service[Symbol.asyncDispose]();
  });

  test('holds an update, with its secrets encrypted by the service, and makes no passphrase', async () => {
    await succeeds(checkout, 'up', ...UP);
    expect((await agentPod()).revision).toBe('1');
    const state = JSON.stringify(service.stacks.get('claude-code-agent/dev')?.deployment);
    expect(state).toContain('"type":"service"');
    expect(state).not.toContain('canary');
    expect(existsSync(checkout.at('.local', 'passphrase'))).toBe(false);
    expect(existsSync(checkout.at('.local', 'pulumi'))).toBe(false);
    expect(await checkout.gitStatus()).toBe('');
  });

  test('says of the second that it changes nothing', async () => {
    await succeeds(checkout, 'preview', '--refresh', '--expect-no-changes', '--non-interactive');
  });

  test('lets another machine, which has nothing else, go back to an earlier update', async () => {
    checkout.configure({ queueLimit: '7' });
    await succeeds(checkout, 'up', ...UP);
    expect(await queueLimit()).toBe('7');
    const listed = await succeeds(elsewhere, 'rollback');
    expect(listed).toMatch(/^1 /m);
    expect(listed).toMatch(/^2 .*queueLimit/m);

    await succeeds(elsewhere, 'rollback', '1', ...UP);
    expect(await queueLimit()).toBe('100');
    await succeeds(elsewhere, 'preview', '--refresh', '--expect-no-changes', '--non-interactive');
    expect(await succeeds(elsewhere, 'rollback')).toMatch(/^3 /m);
  });

  test('was asked for nothing that it does not know', () => {
    expect(service.unknown).toEqual([]);
  });
});
