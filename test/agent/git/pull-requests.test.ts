import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PullRequest } from '../../../agent/git/hosts.ts';
import { startGitHost } from '../../doubles/git-host/server.ts';
import { git, gitOutput } from '../../support/git.ts';
import { startGitHosts, type TestGitHosts } from '../../support/git-hosts.ts';
import { trust } from '../../support/trust.ts';

const TOKEN = 'the-token-of-the-host';
const REQUEST: PullRequest = { head: 'mine', base: 'main', title: 'A fix', body: 'Fixes #1.', draft: false };
const NEVER = new AbortController().signal;
const KEYS = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const SHOP = 'acme/shop';
const APP_SHOP = 'app/shop';
const AZURE_SHOP = 'acme/My Web/_git/shop';

let own: TestGitHosts;
let stack: AsyncDisposableStack;
beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const dir = mkdtempSync(path.join(tmpdir(), 'git-credentials-'));
  stack.defer(() => rmSync(dir, { recursive: true }));
  const tokenFile = path.join(dir, 'token');
  writeFileSync(tokenFile, TOKEN);
  writeFileSync(path.join(dir, 'key'), KEYS.privateKey);
  own = stack.use(
    await startGitHosts((url) => [
      { repositories: [`${url}/acme/*`], type: 'github', tokenFile },
      { repositories: [`${url}/app/*`], type: 'github', appId: 42, privateKeyFile: path.join(dir, 'key') },
      { repositories: [`${url}/acme/*/_git/*`], type: 'azureDevOps', tokenFile },
      { repositories: [`${url}/plain/*`], type: 'plain' },
      { repositories: [`${url}/open/shop`], type: 'plain' },
    ]),
  );
  for (const name of [SHOP, APP_SHOP, AZURE_SHOP, 'open/shop']) {
    const bare = await own.repositories.make(name);
    const commit = await gitOutput(bare, 'commit-tree', 'main^{tree}', '-p', 'main', '-m', 'mine');
    await gitOutput(bare, 'branch', 'mine', commit);
  }
});
afterAll(() => stack.disposeAsync());

beforeEach(() => {
  const { host } = own;
  for (const list of [host.pulls, host.seen, host.failures]) list.length = 0;
  host.limitsRequests = true;
  host.open.add('open/shop');
  host.accounts.clear();
  host.accounts.set(TOKEN, { repositories: [SHOP, AZURE_SHOP], may: 'write' });
  host.app = {
    id: '42',
    publicKey: createPublicKey(KEYS.publicKey),
    repositories: [APP_SHOP],
    permissions: { contents: 'write', pull_requests: 'write' },
    tokenSeconds: 3600,
  };
});

const open = (name: string, more: Partial<PullRequest> = {}) =>
  own.hosts.openPullRequest(own.repository(encodeURI(name)), { ...REQUEST, ...more }, NEVER);

describe.each([
  { name: 'GitHub', repository: SHOP, url: `${SHOP}/pull/1`, pulls: '/pulls' },
  { name: 'GitHub with an app', repository: APP_SHOP, url: `${APP_SHOP}/pull/1`, pulls: '/pulls' },
  {
    name: 'Azure DevOps',
    repository: AZURE_SHOP,
    url: `${encodeURI(AZURE_SHOP)}/pullrequest/1`,
    pulls: '/pullrequests',
  },
])('a pull request of $name', ({ repository, url, pulls }) => {
  it('is opened once, however often it is asked for', async () => {
    const address = { url: `${own.host.url}/${url}` };
    expect(await open(repository, { draft: true })).toEqual(address);
    expect(await open(repository, { title: 'Another title' })).toEqual(address);
    const { head, base, title, body } = REQUEST;
    expect(own.host.pulls).toEqual([{ number: 1, repository, head, base, title, body, draft: true, state: 'open' }]);
  });

  it('is found if it was opened and the answer was lost', async () => {
    own.host.failures.push({ path: `${pulls}?`, status: 500 });
    await expect(open(repository)).rejects.toMatchObject({ kind: 'hostDown', outcome: 'unavailable' });
    expect(own.host.pulls).toHaveLength(0);
    own.host.failures.push(
      { path: `${pulls}?`, status: 200, body: pulls === '/pulls' ? [] : { value: [] } },
      { path: pulls, status: 502, after: true },
    );
    await expect(open(repository)).rejects.toMatchObject({ kind: 'hostDown' });
    expect(await open(repository)).toEqual({ url: `${own.host.url}/${url}` });
    expect(own.host.pulls).toHaveLength(1);
  });

  it('is found if somebody else opens it at the same time', async () => {
    await open(repository);
    own.host.failures.push({ path: `${pulls}?`, status: 200, body: pulls === '/pulls' ? [] : { value: [] } });
    expect(await open(repository)).toEqual({ url: `${own.host.url}/${url}` });
    expect(own.host.pulls).toHaveLength(1);
  });

  it('is opened again after the first one was closed', async () => {
    await open(repository);
    own.host.pulls.forEach((pull) => (pull.state = 'closed'));
    await open(repository);
    expect(own.host.pulls).toHaveLength(2);
  });

  it('that is missing is opened only if there was none before', async () => {
    const openMissing = () => own.hosts.openMissingPullRequest(own.repository(encodeURI(repository)), REQUEST, NEVER);
    const address = { url: `${own.host.url}/${url}` };
    expect(await openMissing()).toEqual(address);
    expect(await openMissing()).toEqual(address);
    own.host.pulls.forEach((pull) => (pull.state = 'closed'));
    expect(await openMissing()).toBeUndefined();
    expect(own.host.pulls).toHaveLength(1);
  });

  it('needs its branches', async () => {
    await expect(open(repository, { base: 'nothing' })).rejects.toMatchObject({
      kind: 'unknownRef',
      outcome: 'failed',
      message: expect.stringContaining('nothing') as string,
    });
    await expect(open(repository, { head: 'nothing' })).rejects.toMatchObject({ kind: 'unknownRef' });
  });

  it.each([
    [{ status: 404 }, 'notFound', 'failed'],
    [{ status: 403, body: { message: 'Resource not accessible' } }, 'forbidden', 'failed'],
    [{ status: 429, headers: { 'retry-after': '7' } }, 'rateLimited', 'unavailable'],
    [{ status: 302, headers: { location: 'https://evil.example/x' } }, 'redirected', 'failed'],
    [{ status: 418 }, 'refused', 'failed'],
  ])('tells %j apart', async (failure, kind, outcome) => {
    own.host.failures.push({ path: pulls, ...failure });
    await expect(open(repository)).rejects.toMatchObject({ name: 'GitError', kind, outcome });
  });
});

it.each([
  { name: 'GitHub', repository: SHOP, at: '/pulls', found: [] },
  { name: 'GitHub with an app', repository: APP_SHOP, at: '/pulls', found: [] },
  { name: 'Azure DevOps', repository: AZURE_SHOP, at: '/pullrequests', found: { value: [] } },
])('follows no redirect of $name to another host', async ({ repository, at, found }) => {
  await using opened = new AsyncDisposableStack();
  const other = opened.use(await startGitHost({ root: own.repositories.root }));
  opened.use(trust(readFileSync(other.caFile, 'utf8')));
  expect((await fetch(`${other.url}/_control`)).status).toBe(200);
  for (const status of [301, 302, 303, 307, 308]) {
    const redirect = { path: at, status, headers: { location: `${other.url}/x${at}` } };
    own.host.failures.push(redirect);
    await expect(open(repository)).rejects.toMatchObject({ kind: 'redirected' });
    own.host.failures.push({ path: `${at}?`, status: 200, body: found }, redirect);
    await expect(open(repository)).rejects.toMatchObject({ kind: 'redirected' });
  }
  expect(own.host.seen.filter(({ path: asked, method }) => asked.includes(at) && method === 'POST')).toHaveLength(5);
  expect(other.seen).toEqual([]);
});

it('says that a token has ended', async () => {
  own.host.accounts.clear();
  await expect(open(SHOP)).rejects.toMatchObject({
    kind: 'credential',
    message: expect.not.stringContaining(TOKEN) as string,
  });
  await expect(open(AZURE_SHOP)).rejects.toMatchObject({ kind: 'credential' });
  own.host.failures.push({
    path: '/pullrequests',
    status: 302,
    headers: { location: 'https://spsprod.example/_signin?x' },
  });
  await expect(open(AZURE_SHOP)).rejects.toMatchObject({ kind: 'credential' });
});

it('says when GitHub takes requests again', async () => {
  const reset = String(Math.ceil(Date.now() / 1000) + 90);
  const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
  own.host.failures.push({ path: '/pulls', status: 403, headers });
  const error = (await open(SHOP).catch((thrown: unknown) => thrown)) as { retryAfterSeconds: number };
  expect(error.retryAfterSeconds).toBeGreaterThan(80);
  expect(error.retryAfterSeconds).toBeLessThanOrEqual(91);
});

it('knows the limits of hosts before it asks them', async () => {
  const mistake = (name: string, title: string, body: string) =>
    own.hosts.pullRequestMistake(own.repository(encodeURI(name)), { title, body });
  expect(mistake(SHOP, 'x'.repeat(256), 'x'.repeat(5000))).toBeUndefined();
  expect(mistake(SHOP, 'x'.repeat(257), '')).toBe('The title has 257 characters; GitHub takes at most 256.');
  expect(mistake(AZURE_SHOP, '', 'x'.repeat(4001))).toContain('Azure DevOps takes at most 4000');
  expect(mistake('plain/shop', '', '')).toContain('of type plain, which has no pull requests');
  await expect(open('plain/shop')).rejects.toMatchObject({ kind: 'refused' });
  expect(own.host.seen).toEqual([]);
});

it('ends with its signal', async () => {
  const repository = own.repository(SHOP);
  await expect(own.hosts.openPullRequest(repository, REQUEST, AbortSignal.abort(new Error('stopped')))).rejects.toThrow(
    'stopped',
  );
});

describe('a GitHub App', () => {
  const clone = async () => {
    using access = own.hosts.accessForRun(own.repository(APP_SHOP), 'run-1');
    const url = `${own.host.url}/${APP_SHOP}`;
    return { ...(await git('/', ['ls-remote', url], access.environment)), failure: access.failure };
  };
  const made = () => own.host.seen.filter(({ path: asked }) => asked.endsWith('/access_tokens')).length;

  // The agent keeps tokens, and each test is to begin without one.
  beforeEach(async () => {
    await clone();
    own.host.seen.length = 0;
  });

  it('makes one token for many requests', async () => {
    own.host.accounts.clear();
    await Promise.all([clone(), clone(), open(APP_SHOP)]);
    expect((await clone()).ok).toBe(true);
    expect(made()).toBe(1);
  });

  it('replaces a token that the host refuses', async () => {
    own.host.accounts.clear();
    expect(await clone()).toMatchObject({ ok: true, failure: undefined });
    own.host.accounts.clear();
    expect(await open(APP_SHOP)).toBeDefined();
    expect(made()).toBe(2);
  });

  it('replaces a token before it ends', async () => {
    own.host.accounts.clear();
    if (own.host.app) own.host.app = { ...own.host.app, tokenSeconds: 599 };
    await clone();
    const before = made();
    await clone();
    expect(made()).toBeGreaterThan(before);
  });

  it.each([
    ['is not installed', { repositories: [] }, 'notFound', 'is not installed for'],
    [
      'lacks a right',
      { permissions: { contents: 'read' } },
      'forbidden',
      'it needs to write contents and pull requests',
    ],
    ['is unknown', { id: '43' }, 'credential', 'refused the credential'],
  ])('says that it %s', async (_, change, kind, said) => {
    own.host.accounts.clear();
    if (own.host.app) own.host.app = { ...own.host.app, ...change };
    const { ok, stderr, failure } = await clone();
    expect({ ok, kind: failure?.kind }).toEqual({ ok: false, kind });
    expect(failure?.message).toContain(said);
    expect(stderr).toContain(said.slice(0, 20));
  });
});

it('gives an error of its own for an answer that is something else', async () => {
  for (const [name, at] of [
    [SHOP, '/pulls'],
    [AZURE_SHOP, '/pullrequests'],
  ] as const) {
    own.host.failures.push({ path: at, status: 200, body: { message: 'hello' } });
    await expect(open(name)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('something else') as string,
    });
  }
});

it('reads a repository whose address has an encoded space', async () => {
  const repository = own.repository(encodeURI(AZURE_SHOP));
  using access = own.hosts.accessForRun(repository, 'run-1');
  expect(await git('/', ['ls-remote', repository.remote, 'mine'], access.environment)).toMatchObject({ ok: true });
  expect(own.host.seen[0]?.credential).toBe(`:${TOKEN}`);
});

it.each([
  { host: 'a host', limitsRequests: true },
  { host: 'a GitHub Enterprise Server without rate limiting', limitsRequests: false },
])('checks each entry of $host for the doctor', async ({ limitsRequests }) => {
  own.host.limitsRequests = limitsRequests;
  const details = async () => (await own.hosts.check(NEVER)).map(({ ok, detail }) => [ok, detail]);
  expect(await details()).toEqual([
    [true, expect.stringContaining('answers')],
    [true, expect.stringContaining('knows the GitHub App shop-bot')],
    [true, expect.stringContaining('answers')],
    [true, expect.stringContaining('is asked when a run needs it')],
    [true, `${own.host.url}/open/shop can be read.`],
  ]);
  own.host.accounts.clear();
  own.host.app = undefined;
  own.host.open.clear();
  expect((await details()).map(([ok]) => ok)).toEqual([false, false, false, true, false]);
});

it('takes a GitHub that has no API for broken', async () => {
  own.host.failures.push({ path: '/rate_limit', status: 404, body: { message: 'Not Found' } });
  expect((await own.hosts.check(NEVER))[0]).toMatchObject({ ok: false });
});
