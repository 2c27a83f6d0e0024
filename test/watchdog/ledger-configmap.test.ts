import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { json } from 'node:stream/consumers';

import { describe, expect, test } from 'vitest';

import { closedPort } from '../support/closed-port.ts';
import { endless, raw } from '../support/misbehaving.ts';
import { World } from './world.ts';

/** A kubeconfig for an API server at this address. */
function kubeconfig(server: string): string {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'kubeconfig-')), 'config');
  const config = {
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** A pass that finds a failed login and has its ledger in a ConfigMap. */
async function pass(server: string) {
  await using world = await World.make();
  world.agent.login = { state: 'auth_failed' };
  Object.assign(world.env, { WATCHDOG_LEDGER_CONFIGMAP: 'claude-agent/ledger', KUBECONFIG: kubeconfig(server) });
  return { ...(await world.pass()), titles: world.titles };
}

async function apiServer(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a ledger in a ConfigMap', () => {
  test('keeps what is not its own, and is written at the version that was read', async () => {
    let map: Record<string, unknown> & { metadata: Record<string, unknown> } = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'ledger', namespace: 'claude-agent', resourceVersion: '1', labels: { of: 'others' } },
    };
    const paths = new Set<string>();
    await using server = await apiServer((request, response) => {
      paths.add(`${request.method ?? ''} ${request.url ?? ''}`);
      void (async () => {
        if (request.method === 'PUT') {
          const next = (await json(request)) as typeof map;
          expect(next.metadata['resourceVersion']).toBe(map.metadata['resourceVersion']);
          map = {
            ...next,
            metadata: { ...next.metadata, resourceVersion: `${Number(map.metadata['resourceVersion']) + 1}` },
          };
        }
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(map));
      })();
    });
    const { exitCode, titles } = await pass(server.url);
    expect(exitCode).toBe(57);
    expect(titles).toEqual(['Claude needs a new login']);
    expect(map.metadata['labels']).toEqual({ of: 'others' });
    expect(JSON.parse((map['data'] as Record<string, string>)['ledger.json'] ?? '')).toMatchObject({
      trouble: { state: 'auth_failed' },
    });
    const place = '/api/v1/namespaces/claude-agent/configmaps/ledger';
    expect([...paths].sort()).toEqual([`GET ${place}`, `PUT ${place}`]);
  });

  test('is read to a bound', async () => {
    await using server = await endless(200, { 'content-type': 'application/json' });
    const { exitCode, said, titles } = await pass(server.url);
    expect(exitCode).toBe(57);
    expect(said).toContain(
      "ConfigMap claude-agent/ledger can't be read (the answer is invalid: it is longer than 4096 KiB)",
    );
    expect(server.sent).toBeLessThan(32 * 1024 * 1024);
    expect(titles).toEqual([]);
  });

  test('says why it cannot be read', async () => {
    expect((await pass(await closedPort())).said).toContain("can't be read (ECONNREFUSED)");
    await using server = await raw('SSH-2.0-OpenSSH_9.6\r\n');
    const { said } = await pass(server.url);
    expect(said).toMatch(/can't be read \([A-Z]\w.+\)/);
    expect(said).not.toMatch(/undefined|fetch failed/);
  });
});
