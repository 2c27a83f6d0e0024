import { request as ask } from 'node:http';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { GitHostSetting } from '../../../agent/git/rules.ts';
import { folder } from '../../support/folder.ts';
import { git, gitOutput } from '../../support/git.ts';
import { startGitHosts } from '../../support/git-hosts.ts';

const SECRET = 'ghp_the-token-of-the-host';

/** One entry for all repositories of acme. */
function withToken(dir: string, more: Partial<GitHostSetting> = {}) {
  const tokenFile = path.join(dir, 'token');
  writeFileSync(tokenFile, `${SECRET}\n`);
  return (url: string): GitHostSetting[] => [{ repositories: [`${url}/acme/*`], type: 'github', tokenFile, ...more }];
}

it('clones with the credential of the host, which git never sees', async () => {
  const dir = folder();
  await using own = await startGitHosts(withToken(dir));
  await own.repositories.make('acme/shop');
  own.host.accounts.set(SECRET, { repositories: ['acme/shop'], may: 'write' });
  using access = own.hosts.accessForRun(own.repository('acme/shop'), 'run-1');
  const cloned = await git(
    dir,
    ['clone', '--depth', '1', `${own.host.url}/acme/shop.git`, 'clone'],
    access.environment,
  );
  expect(cloned).toMatchObject({ ok: true });
  expect(await gitOutput(path.join(dir, 'clone'), 'remote', 'get-url', 'origin')).toBe(`${own.host.url}/acme/shop.git`);
  expect(own.host.seen.map(({ path: asked, credential }) => [asked.split('?')[0], credential])).toEqual([
    ['/acme/shop/info/refs', `x-access-token:${SECRET}`],
    ['/acme/shop/git-upload-pack', `x-access-token:${SECRET}`],
    ['/acme/shop/git-upload-pack', `x-access-token:${SECRET}`],
  ]);
  expect(access.bytes).toBeGreaterThan(100);
  expect(access.failure).toBeUndefined();
  expect(JSON.stringify([access.environment, cloned, own.lines])).not.toContain(SECRET);
});

it('fetches during the run, and refuses to push with a message for Claude', async () => {
  const dir = folder();
  await using own = await startGitHosts(withToken(dir));
  const bare = await own.repositories.make('acme/shop');
  own.host.accounts.set(SECRET, { repositories: ['acme/shop'], may: 'write' });
  using access = own.hosts.accessForRun(own.repository('acme/shop'), 'run-1');
  const clone = path.join(dir, 'clone');
  await git(dir, ['clone', `${own.host.url}/acme/shop`, clone], access.environment);
  await gitOutput(bare, 'branch', 'later', 'main');
  expect(await git(clone, ['fetch', 'origin', 'later'], access.environment)).toMatchObject({ ok: true });
  const pushed = await git(clone, ['push', 'origin', 'HEAD:refs/heads/mine'], access.environment);
  expect(pushed.ok).toBe(false);
  expect(pushed.stderr).toContain(
    'remote: Nothing can be pushed from here: commit, and the agent pushes when the run has',
  );
  expect(access.failure?.kind).toBe('forbidden');
  expect(own.host.seen.some(({ path: asked }) => asked.includes('receive-pack'))).toBe(false);
});

it('pushes for the agent', async () => {
  const dir = folder();
  await using own = await startGitHosts(withToken(dir));
  const bare = await own.repositories.make('acme/shop');
  own.host.accounts.set(SECRET, { repositories: ['acme/shop'], may: 'write' });
  using access = own.hosts.accessForAgent(own.repository('acme/shop'), 'run-1');
  const clone = path.join(dir, 'clone');
  await git(dir, ['clone', `${own.host.url}/acme/shop`, clone], access.environment);
  // More than git sends in one piece.
  writeFileSync(path.join(clone, 'large'), randomBytes(3_000_000));
  await gitOutput(clone, 'add', '--all');
  await gitOutput(clone, 'commit', '--quiet', '--message', 'second');
  expect(await git(clone, ['push', 'origin', 'HEAD:refs/heads/mine'], access.environment)).toMatchObject({ ok: true });
  expect(await gitOutput(bare, 'rev-parse', 'mine')).toBe(await gitOutput(clone, 'rev-parse', 'HEAD'));
});

it('lets a token through to its own repository alone, and to nothing when it has ended', async () => {
  const dir = folder();
  await using own = await startGitHosts(withToken(dir));
  await own.repositories.make('acme/shop');
  await own.repositories.make('acme/secret');
  own.host.accounts.set(SECRET, { repositories: ['acme/shop', 'acme/secret'], may: 'write' });
  const access = own.hosts.accessForRun(own.repository('acme/shop'), 'run-1');
  const token = /Bearer (\S+)/.exec(JSON.stringify(access.environment))?.[1]?.replace(/".*/, '') ?? '';
  const at = `/git/${own.host.url.slice('https://'.length)}`;
  const send = async (method: string, target: string) => {
    const request = ask(own.proxyUrl + target, { method, headers: { authorization: `Bearer ${token}` } });
    request.end();
    const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
    return { status: response.statusCode, text: await text(response) };
  };
  const refs = '/info/refs?service=git-upload-pack';
  expect(await send('GET', `${at}/acme/shop${refs}`)).toMatchObject({ status: 200 });
  for (const [method, target] of [
    ['GET', `${at}/acme/secret${refs}`],
    ['GET', `${at}/acme/shop/../secret${refs}`],
    ['GET', `${at}/acme/shop%2f..%2fsecret${refs}`],
    ['GET', `${at}/acme/shop-2${refs}`],
    ['GET', `${at}/acme/shop/info/refs`],
    ['GET', `${at}/acme/shop/info/refs?service=git-upload-archive`],
    ['GET', `${at}/acme/shop${refs}&service=git-receive-pack`],
    ['GET', `${at}/acme/shop/objects/info/packs`],
    ['GET', `${at}/acme/shop/git-upload-pack`],
    ['POST', `${at}/acme/shop/git-receive-pack`],
    ['POST', `${at}/acme/shop/info/lfs/objects/batch`],
    ['GET', `/git/evil.example/acme/shop${refs}`],
    ['POST', '/v1/messages'],
  ] as const) {
    expect([target, (await send(method, target)).status]).toEqual([target, 403]);
  }
  expect(own.host.seen).toHaveLength(1);
  access[Symbol.dispose]();
  expect(await send('GET', `${at}/acme/shop${refs}`)).toEqual({
    status: 403,
    text: 'The token belongs to no run in progress.\n',
  });
});

it.each([
  { name: 'an unknown repository', path: 'acme/nothing', kind: 'notFound', outcome: 'failed', said: 'does not exist' },
  {
    name: 'a token that has ended',
    ended: true,
    kind: 'credential',
    outcome: 'failed',
    said: 'refused the credential',
  },
  { name: 'a host that is down', status: 503, kind: 'hostDown', outcome: 'unavailable', said: 'answered 503' },
  { name: 'a lack of rights', status: 403, kind: 'forbidden', outcome: 'failed', said: 'may not read' },
  {
    name: 'too many requests',
    status: 403,
    headers: { 'x-ratelimit-remaining': '0', 'retry-after': '30' },
    kind: 'rateLimited',
    outcome: 'unavailable',
    said: 'Try again in 30 seconds.',
  },
])('tells $name apart', async ({ path: repository = 'acme/shop', ended, status, headers, kind, outcome, said }) => {
  const dir = folder();
  await using own = await startGitHosts(withToken(dir));
  await own.repositories.make('acme/shop');
  own.host.accounts.set(SECRET, { repositories: ['acme/shop'], may: 'write', ...(ended && { endsAt: 1 }) });
  if (status !== undefined) own.host.failures.push({ path: '/info/refs', status, ...(headers && { headers }) });
  using access = own.hosts.accessForRun(own.repository(repository), 'run-1');
  const cloned = await git(dir, ['clone', `${own.host.url}/${repository}`, 'clone'], access.environment);
  expect(cloned.ok).toBe(false);
  expect(access.failure).toMatchObject({ kind, outcome });
  expect(access.failure?.message).toContain(said);
  expect(cloned.stderr).toContain('remote: ');
  expect(JSON.stringify([cloned, access.failure?.message, own.lines])).not.toContain(SECRET);
});

it('asks for a credential where none is configured', async () => {
  const dir = folder();
  await using own = await startGitHosts((url) => [{ repositories: [`${url}/acme/*`], type: 'plain' }]);
  await own.repositories.make('acme/shop');
  using access = own.hosts.accessForRun(own.repository('acme/shop'), 'run-1');
  expect((await git(dir, ['clone', `${own.host.url}/acme/shop`, 'a'], access.environment)).ok).toBe(false);
  expect(access.failure?.message).toContain('wants a credential');
  own.host.open.add('acme/shop');
  expect((await git(dir, ['clone', `${own.host.url}/acme/shop`, 'b'], access.environment)).ok).toBe(true);
  expect(own.host.seen.every(({ credential }) => credential === undefined)).toBe(true);
});

it('sends nothing where a redirect leads to', async () => {
  const dir = folder();
  await using own = await startGitHosts(withToken(dir));
  await using other = await startGitHosts(() => []);
  await own.repositories.make('acme/shop');
  const location = `${other.host.url}/acme/shop/info/refs?secret=1`;
  own.host.failures.push({ path: '/info/refs', status: 301, headers: { location } });
  using access = own.hosts.accessForRun(own.repository('acme/shop'), 'run-1');
  expect((await git(dir, ['clone', `${own.host.url}/acme/shop`, 'a'], access.environment)).ok).toBe(false);
  expect(access.failure).toMatchObject({ kind: 'redirected', outcome: 'failed' });
  expect(access.failure?.message).toContain(`to ${other.host.url}/acme/shop/info/refs, which is not followed`);
  expect(other.host.seen).toEqual([]);
});

it('reports a host that cannot be reached', async () => {
  const dir = folder();
  await using own = await startGitHosts(() => [{ repositories: ['https://localhost:1/acme/*'], type: 'plain' }]);
  const { repository } = own.hosts.find('https://localhost:1/acme/shop');
  if (!repository) throw new Error('It is not allowed.');
  using access = own.hosts.accessForRun(repository, 'run-1');
  expect((await git(dir, ['clone', 'https://localhost:1/acme/shop', 'a'], access.environment)).ok).toBe(false);
  expect(access.failure).toMatchObject({ kind: 'hostDown', outcome: 'unavailable' });
});

it('stops a repository that is too large', async () => {
  const dir = folder();
  await using own = await startGitHosts(withToken(dir), { megabytes: 1 });
  await own.repositories.make('acme/shop', { large: randomBytes(2_000_000) });
  own.host.accounts.set(SECRET, { repositories: ['acme/shop'], may: 'read' });
  using access = own.hosts.accessForRun(own.repository('acme/shop'), 'run-1');
  expect((await git(dir, ['clone', `${own.host.url}/acme/shop`, 'a'], access.environment)).ok).toBe(false);
  expect(access.failure).toMatchObject({ kind: 'tooLarge', outcome: 'failed' });
  expect(access.failure?.message).toContain('needs more than 1 MiB');
});

it('ends the requests of a run with its token', async () => {
  const dir = folder();
  await using own = await startGitHosts(withToken(dir));
  await own.repositories.make('acme/shop', { large: randomBytes(6_000_000) });
  own.host.accounts.set(SECRET, { repositories: ['acme/shop'], may: 'read' });
  const access = own.hosts.accessForRun(own.repository('acme/shop'), 'run-1');
  const cloning = git(dir, ['clone', `${own.host.url}/acme/shop`, 'a'], access.environment);
  await expect.poll(() => access.bytes, { interval: 1, timeout: 20_000 }).toBeGreaterThan(0);
  access[Symbol.dispose]();
  expect((await cloning).ok).toBe(false);
  expect(access.failure).toBeUndefined();
});
