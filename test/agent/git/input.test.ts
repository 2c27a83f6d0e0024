import { generateKeyPairSync } from 'node:crypto';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunTokens } from '../../../agent/gateway/run-tokens.ts';
import { ConfiguredGitHosts } from '../../../agent/git/configured-hosts.ts';
import { branchMistake, refMistake } from '../../../agent/git/ref.ts';
import { mistakesInGitHosts, type GitHostSetting } from '../../../agent/git/rules.ts';
import { gitHostsSetting } from '../../../agent/git/setting.ts';
import { folder } from '../../support/folder.ts';
import { git } from '../../support/git.ts';

const GITHUB: GitHostSetting = {
  repositories: ['https://github.com/acme/*', 'https://github.com/other/one'],
  type: 'github',
};
const AZURE: GitHostSetting = {
  repositories: ['https://dev.azure.com/acme/*/_git/*', 'https://dev.azure.com/acme/_git/*'],
  type: 'azureDevOps',
};
const PLAIN: GitHostSetting = { repositories: ['https://git.example:8443/team/*/shop-*'], type: 'plain' };

function hostsOf(...settings: GitHostSetting[]) {
  const url = () => 'http://127.0.0.1:1';
  const log = { info: () => undefined };
  return new ConfiguredGitHosts({
    settings,
    environment: {},
    tokens: new RunTokens(),
    urlForRuns: url,
    urlForAgent: url,
    megabytes: 1,
    log,
  });
}

describe('the URL of a repository', () => {
  const hosts = hostsOf(GITHUB, AZURE, PLAIN);

  it.each([
    ['https://github.com/acme/shop', 'https://github.com/acme/shop', 'https://github.com/acme/shop'],
    ['https://GitHub.com/Acme/Shop.git', 'https://github.com/Acme/Shop', 'https://github.com/Acme/Shop'],
    ['https://github.com:443/acme/shop/', 'https://github.com/acme/shop', 'https://github.com/acme/shop'],
    ['https://dev.azure.com/acme/My%20Web/_git/shop', 'https://dev.azure.com/acme/My%20Web/_git/shop', undefined],
    ['https://dev.azure.com/acme/_git/shop', 'https://dev.azure.com/acme/_git/shop', undefined],
    [
      'https://git.example:8443/team/a/shop-1.git',
      'https://git.example:8443/team/a/shop-1',
      'https://git.example:8443/team/a/shop-1.git',
    ],
  ])('%s is allowed', (given, url, remote = url) => {
    expect(hosts.find(given)).toMatchObject({ repository: { url, remote } });
  });

  it.each([
    ['', 'must be an https URL'],
    ['shop', 'must be an https URL'],
    ['/etc', 'must be an https URL'],
    ['file:///etc/passwd', 'must be an https URL'],
    ['http://github.com/acme/shop', 'must be an https URL'],
    ['ssh://git@github.com/acme/shop', 'must be an https URL'],
    ['git@github.com:acme/shop.git', 'must be an https URL, such as https://github.com/acme/shop.git'],
    ['ext::sh -c id', 'must be an https URL'],
    ['--upload-pack=id', 'must be an https URL'],
    ['https://', 'must be a valid URL'],
    ['https://github.com/acme/sh op', 'must be a valid URL'],
    ['https://github.com/acme/shop\n', 'must be a valid URL'],
    ['https://github.com\\@evil.example/acme/shop', 'must be a valid URL'],
    ['https://user@github.com/acme/shop', 'must not have a user'],
    ['https://user:secret@github.com/acme/shop', 'must not have a user'],
    ['https://github.com@evil.example/acme/shop', 'must not have a user'],
    ['https://github.com/acme/shop?x=1', 'must not have a query'],
    ['https://github.com/acme/shop#main', 'must not have a query'],
    ['https://github.com/acme/../evil/shop', "must not have '.' or '..'"],
    ['https://github.com/acme/%2e%2e/evil', "must not have '.' or '..'"],
    ['https://github.com/acme/shop%2f..%2fevil', 'must have the path of a repository'],
    ['https://github.com/acme/%00', 'must have the path of a repository'],
    ['https://github.com/acme/%zz', 'must have the path of a repository'],
    ['https://github.com//shop', 'must have the path of a repository'],
    ['https://github.com/acme/.git', 'must have the path of a repository'],
    ['https://github.com/', 'must have the path of a repository'],
    ['https://github.com/acme', 'is not allowed'],
    ['https://github.com/acme/shop/tree/main', 'is not allowed'],
    ['https://github.com/acme/*', 'must be the URL of one repository'],
    ['https://github.com/evil/shop', 'is not allowed'],
    ['https://github.com/other/one-more', 'is not allowed'],
    ['https://github.com:8443/acme/shop', 'is not allowed'],
    ['https://github.com.evil.example/acme/shop', 'is not allowed'],
    ['https://git.example:8443/Team/a/shop-1', 'is not allowed'],
    ['https://git.example:8443/team/a/b/shop-1', 'is not allowed'],
    [`https://github.com/acme/${'x'.repeat(1000)}`, 'at most 1000 are allowed'],
  ])('%j is refused', (given, mistake) => {
    expect(hosts.find(given).mistake).toContain(mistake);
    expect(hosts.find(given).mistake).not.toContain('secret');
  });
});

const REFS = [
  ['main', true],
  ['feature/a-b_c.1', true],
  ['v1.0', true],
  ['ünïcode', true],
  ['', false],
  ['-', false],
  ['--upload-pack=id', false],
  ['..', false],
  ['a..b', false],
  ['.a', false],
  ['a/.b', false],
  ['a.', false],
  ['a/', false],
  ['/a', false],
  ['a//b', false],
  ['a.lock', false],
  ['a.lock/b', false],
  ['a b', false],
  ['a\nb', false],
  ['a~1', false],
  ['a^', false],
  ['a:b', false],
  ['a?', false],
  ['a*', false],
  ['a[b', false],
  ['a\\b', false],
  ['@{-1}', false],
] as const;

describe('a ref', () => {
  it.each(REFS)('%j is one for us as for git: %s', async (ref, isOne) => {
    expect(refMistake(ref) === undefined).toBe(isOne);
    expect((await git('/', ['check-ref-format', `refs/heads/${ref}`])).ok).toBe(
      ref.startsWith('-') ? ref !== '' : isOne,
    );
  });

  it('may be a commit, and a branch may not', () => {
    expect(refMistake('a'.repeat(40))).toBeUndefined();
    expect(branchMistake('a'.repeat(40))).toContain('not the id of a commit');
  });

  it.each(['HEAD', '@', 'refs/heads/main', 'x'.repeat(251)])('%s is none', (ref) => {
    expect(refMistake(ref)).toBeDefined();
  });
});

describe('the setting', () => {
  it.each([
    [{}, 'it must be a list of git hosts'],
    [[1], '[0] must be an object'],
    [[{ ...GITHUB, type: 'gitlab' }], 'type is "gitlab"; it must be one of github, azureDevOps, plain'],
    [[{ type: 'plain' }], 'it must be a list of 1 to 100 patterns'],
    [[{ ...GITHUB, repositories: ['https://github.com/*'] }], 'must have the owner and the name'],
    [[{ ...GITHUB, repositories: ['https://*.github.com/a/b'] }], "must have a host without '*'"],
    [[{ ...GITHUB, repositories: ['https://x:secret@github.com/a/b'] }], 'must not have a user'],
    [
      [{ ...AZURE, repositories: ['https://dev.azure.com/acme/web'] }],
      'must have organization, project and repository',
    ],
    [
      [{ ...GITHUB, repositories: ['https://github.com/a/*', 'https://evil.example/a/*'] }],
      'a credential is for one host',
    ],
    [[{ ...GITHUB, appId: 1 }], 'a GitHub App needs both'],
    [[{ ...GITHUB, appId: -1, privateKeyFile: '/k' }], 'must be the id or the client id'],
    [[{ ...AZURE, appId: 1, privateKeyFile: '/k' }], 'is for type github only'],
    [[{ ...GITHUB, appId: 1, privateKeyFile: '/k', tokenFile: '/t' }], 'remove one of them'],
    [[{ ...GITHUB, username: 'x' }], 'it is for type plain only'],
    [[{ ...GITHUB, tokenFile: '' }], 'must be the path of a file'],
    [[{ ...GITHUB, protectedBranches: 'main' }], 'must be a list of branches'],
    [[{ ...GITHUB, author: { name: 'A <b>', email: 'a@b' } }], 'must have a name and an email'],
    [[{ ...GITHUB, token: 'secret' }], '[0].token is unknown'],
  ])('reports what is wrong in %j', (value, mistake) => {
    expect(mistakesInGitHosts(value).join('; ')).toContain(mistake);
    expect(mistakesInGitHosts(value).join('; ')).not.toContain('secret');
  });

  it('looks into the files, without showing them', () => {
    const dir = folder({ token: 'a b secret', key: 'secret', empty: '' });
    const setting = (entry: object) => gitHostsSetting.safeParse(JSON.stringify([{ ...GITHUB, ...entry }]));
    for (const name of ['token', 'empty', 'missing']) {
      const { error } = setting({ tokenFile: path.join(dir, name) });
      expect(error?.issues[0]?.message).toContain(
        `tokenFile is "${path.join(dir, name)}"; it must be a file with a token`,
      );
    }
    const { error } = setting({ appId: 1, privateKeyFile: path.join(dir, 'key') });
    expect(error?.issues[0]?.message).toContain('it must be a file with the private RSA key');
    expect(error?.issues[0]?.message).not.toContain('secret');
  });

  it('takes a GitHub App and a token', () => {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    const dir = folder({ key: privateKey, token: 'ghp_x\n' });
    const app = { ...GITHUB, appId: 'Iv1.abc', privateKeyFile: path.join(dir, 'key') };
    const token = { ...AZURE, tokenFile: path.join(dir, 'token') };
    expect(gitHostsSetting.parse(JSON.stringify([app, token]))).toEqual([app, token]);
    expect(gitHostsSetting.parse(undefined)).toEqual([]);
  });
});

it('protects the default branch and the branches of the configuration', () => {
  using hosts = hostsOf({ ...GITHUB, protectedBranches: ['release/*', 'v?'] }, AZURE);
  const { repository: shop } = hosts.find('https://github.com/acme/shop');
  const { repository: azure } = hosts.find('https://dev.azure.com/acme/web/_git/shop');
  if (!shop || !azure) throw new Error('It is not allowed.');
  const of = (branch: string) => hosts.isProtected(shop, branch, 'trunk');
  expect(['trunk', 'release/1/2', 'release/', 'main', 'release', 'my-release/1'].map(of)).toEqual([
    ...[true, true, true, false, false, false],
  ]);
  expect(['main', 'master', 'domain'].map((branch) => hosts.isProtected(azure, branch, 'trunk'))).toEqual([
    true,
    true,
    false,
  ]);
});
