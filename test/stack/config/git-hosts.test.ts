import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { mistakesOf, read } from './read.ts';

const PEM = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey;
const gitCredentials = JSON.stringify({ app: PEM, azure: 'canary-of-git' });
const APP = { repositories: ['https://github.com/acme/*'], type: 'github', appId: 1, privateKeyFile: 'app' };
const AZURE = { repositories: ['https://dev.azure.com/acme/web/_git/*'], type: 'azureDevOps', tokenFile: 'azure' };
const PUBLIC = { repositories: ['https://git.example.org/tools/*'], type: 'plain' };
const hosts = (...entries: unknown[]) => ({ gitHosts: JSON.stringify(entries) });

describe('git hosts', () => {
  test('are what was given, and none by default', () => {
    expect(read({ ...hosts(APP, AZURE, PUBLIC), gitCredentials }).gitHosts).toEqual([APP, AZURE, PUBLIC]);
    expect(read(hosts(PUBLIC)).gitHosts).toEqual([PUBLIC]);
    expect(read()).toMatchObject({ gitHosts: [], gitMegabytes: 1024 });
  });

  test('are checked by the rules of the agent, all mistakes at once', () => {
    const found = mistakesOf({ ...hosts({ ...APP, type: 'gitlab' }, { ...AZURE, token: 'x' }, 7), gitCredentials });
    for (const mistake of [
      'gitHosts[0].type is "gitlab"; it must be one of github, azureDevOps, plain.',
      'gitHosts[1].token is unknown; a git host has repositories,',
      'gitHosts[2] must be an object',
    ]) {
      expect(found).toContain(mistake);
    }
    expect(mistakesOf({ gitHosts: '{}' })).toContain('gitHosts is "{}"; it must be a list of git hosts, such as');
    expect(mistakesOf({ gitMegabytes: '0' })).toContain('gitMegabytes is "0"; it must be a whole number from 1');
  });

  test.each([
    ['no credentials', {}, 'gitHosts[0].tokenFile is "azure"; it must be the name of one of gitCredentials (none).'],
    ['another name', { gitCredentials: '{"acme":"x"}' }, 'must be the name of one of gitCredentials (acme).'],
    [
      'a name that every object has',
      { ...hosts({ ...AZURE, tokenFile: 'toString' }), gitCredentials },
      '(app, azure).',
    ],
    [
      'a path',
      { ...hosts({ ...AZURE, tokenFile: '/etc/token' }), gitCredentials },
      'is "/etc/token"; it must be the name',
    ],
    ['a key for a token', { ...hosts({ ...AZURE, tokenFile: 'app' }), gitCredentials }, '(not shown) is not a token'],
    [
      'a token for a key',
      { ...hosts({ ...APP, privateKeyFile: 'azure' }), gitCredentials },
      'gitHosts[0].privateKeyFile is "azure", but this one of gitCredentials (not shown) is not the private RSA key',
    ],
  ])('need their credentials: %s', (_what, given, words) => {
    const message = mistakesOf({ ...hosts(AZURE), ...given });
    expect(message).toContain('is invalid (1)');
    expect(message).toContain(words);
    expect(message).not.toMatch(/canary|PRIVATE/);
  });

  test.each(['{}', '{"app":"[encrypted]","azure":"[encrypted]"}'])(
    'are accepted where credentials cannot be decrypted: %s',
    (placeholder) => {
      expect(read({ ...hosts(APP, AZURE), gitCredentials: placeholder }).gitHosts).toEqual([APP, AZURE]);
    },
  );

  test('may not be out of reach of the agent', () => {
    const far = hosts({ ...PUBLIC, repositories: ['https://git.example.org:8443/tools/*'] });
    expect(mistakesOf(far)).toContain(
      'gitHosts[0].repositories[0] is https://git.example.org:8443, which the network policy blocks. Allow it in extraEgress',
    );
    expect(mistakesOf({ ...far, extraEgress: '[{"cidr":"203.0.113.0/24","port":8443,"for":"runners"}]' })).toContain(
      'which the network policy blocks',
    );
    expect(() => read({ ...far, extraEgress: '[{"cidr":"203.0.113.0/24","port":8443}]' })).not.toThrow();
  });

  test('have credentials that are encrypted', () => {
    const message = mistakesOf({ ...hosts(AZURE), gitCredentials }, ['gitCredentials']);
    expect(message).toContain('gitCredentials (not shown) is in plain text.');
    expect(message).not.toContain('canary');
  });
});
