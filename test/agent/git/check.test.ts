import { expect, it } from 'vitest';
import { Agent } from '../../support/agent.ts';
import { startGitHosts } from '../../support/git-hosts.ts';

it('tells whether each host can be reached and takes its credential', async () => {
  await using own = await startGitHosts(() => []);
  await own.repositories.make('acme/shop');
  own.host.open.add('acme/shop');
  const entry = (path: string) => ({ repositories: [`${own.host.url}/${path}`], type: 'plain' });
  await using agent = await Agent.start({
    env: {
      AGENT_GIT_HOSTS: JSON.stringify([entry('acme/shop'), entry('acme/missing')]),
      NODE_EXTRA_CA_CERTS: own.host.caFile,
    },
  });
  const response = await agent.fetch('/git/check', { method: 'POST' });
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    hosts: [
      { name: `${own.host.url}/acme/shop`, ok: true, detail: `${own.host.url}/acme/shop can be read.` },
      { name: `${own.host.url}/acme/missing`, ok: false, detail: expect.stringMatching(/acme\/missing/) as string },
    ],
  });
});
