import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

import { expect, test } from 'vitest';

import { find, runProgram } from '../stack/program.ts';
import { World } from './world.ts';

interface CronJob {
  spec: { jobTemplate: { spec: { template: { spec: { containers: [{ env: { name: string; value: string }[] }] } } } } };
}

/** The variables of a proxy, as the stack gives them to the watchdog's pod. */
async function proxyVariables(httpsProxy: string): Promise<Record<string, string>> {
  const { resources } = await runProgram({ httpsProxy, extraEgress: '[{"namespace":"proxy","port":3128}]' });
  const { spec } = find(resources, 'kubernetes:batch/v1:CronJob', 'claude-auth-watchdog') as unknown as CronJob;
  const { env } = spec.jobTemplate.spec.template.spec.containers[0];
  return Object.fromEntries(env.filter(({ name }) => name.includes('PROXY')).map(({ name, value }) => [name, value]));
}

test('sends its cards by the proxy of the stack, and asks agent and n8n without it', async () => {
  const asked: (string | undefined)[] = [];
  const proxy = createServer((_request, response) => response.writeHead(502).end());
  proxy.on('connect', ({ url }, socket) => {
    asked.push(url);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  try {
    await using world = await World.make();
    world.n8n.workflows.add('Invoices');
    world.agent.login = { state: 'auth_failed', cause: 'refused' };
    const webhook = path.join(world.folder, 'webhook-by-proxy');
    writeFileSync(webhook, 'https://teams.example.org/workflows/hook');
    Object.assign(world.env, await proxyVariables(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`), {
      WATCHDOG_TEAMS_WEBHOOK_FILE: webhook,
    });
    expect((await world.pass()).exitCode).toBe(57);
    expect(asked).toEqual(['teams.example.org:443']);
    expect(world.published).toEqual({});
  } finally {
    proxy.close();
  }
});
