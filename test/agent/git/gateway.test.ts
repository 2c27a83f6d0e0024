import { expect, it } from 'vitest';
import { ConfiguredGitHosts } from '../../../agent/git/configured-hosts.ts';
import { folder } from '../../support/folder.ts';
import { send, startGateway, startUpstream } from '../../support/gateway.ts';
import { git } from '../../support/git.ts';
import { startGitHosts } from '../../support/git-hosts.ts';

it('serves git to runners through the gateway, with tokens that open nothing else', async () => {
  const dir = folder();
  await using own = await startGitHosts(() => []);
  await own.repositories.make('acme/shop');
  own.host.open.add('acme/shop');
  let asked = 0;
  await using api = await startUpstream((_, response) => {
    asked += 1;
    response.end('{}');
  });
  await using gateway = await startGateway(api.url);
  const { tokens } = gateway;
  const url = `${own.host.url}/acme/shop`;
  using hosts = new ConfiguredGitHosts({
    settings: [{ repositories: [url], type: 'plain' }],
    environment: {},
    tokens,
    urlForRuns: () => gateway.url,
    urlForAgent: () => own.proxyUrl,
    megabytes: 100,
    log: { info: () => undefined },
  });
  const { repository } = hosts.find(url);
  if (!repository) throw new Error('It is not allowed.');
  using access = hosts.accessForRun(repository, 'run-1');
  expect(await git(dir, ['clone', url, 'clone'], access.environment)).toMatchObject({ ok: true });

  const token = /Bearer (run_[\w-]+)/.exec(JSON.stringify(access.environment))?.[1] ?? '';
  expect(await send(`${gateway.url}/v1/messages`, token)).toMatchObject({ status: 403 });
  expect(asked).toBe(0);
  const path = `/git/${url.slice('https://'.length)}/info/refs?service=git-upload-pack`;
  expect(await send(gateway.url + path, tokens.issue('run-2'), '', { method: 'GET' })).toMatchObject({ status: 403 });
  expect(gateway.refused).toEqual(['path']);
});
