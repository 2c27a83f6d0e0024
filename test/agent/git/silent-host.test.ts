import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResource } from '../../../agent/http/api/run.ts';
import { until } from '../../support/agent.ts';
import { startGitAgent, type GitAgent } from '../../support/git-agent.ts';

describe('a run whose git host does not answer', () => {
  let silent: Server;
  let connections = 0;
  let own: GitAgent;
  let url: string;
  beforeAll(async () => {
    silent = createServer((socket) => {
      connections += 1;
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const host = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    url = `${host}/acme/shop`;
    own = await startGitAgent({ setting: { repositories: [`${host}/acme/*`], type: 'plain' } });
  });
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    silent.close();
  });

  it('ends when it is cancelled', async () => {
    const before = connections;
    const id = await own.agent.submit('x', { git: { url } });
    await until(() => connections > before, 'the host is asked');
    await own.agent.fetch(`/runs/${id}`, { method: 'DELETE' });
    await until(async () => {
      const run = (await (await own.agent.fetch(`/runs/${id}`)).json()) as RunResource;
      return run.state === 'ended' && run.outcome === 'cancelled';
    }, 'it is cancelled');
    expect(own.agent.claude.begun()).toEqual([]);
  });

  it('ends when its time is over', async () => {
    expect(await own.agent.run('x', { git: { url }, timeout: 1000 })).toMatchObject({ outcome: 'timed_out' });
    expect(own.agent.claude.begun()).toEqual([]);
  });
});
