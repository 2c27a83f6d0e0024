import { readFileSync, statSync } from 'node:fs';
import * as path from 'node:path';

import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';

import { readObjects, writeObjects } from '../../../../stack/cli/archive/objects.ts';
import { newestLogin } from '../../../../stack/cli/archive/newest-login.ts';
import { Progress, refuseWithinRestore } from '../../../../stack/cli/archive/progress.ts';
import { restoreOptions, withConfig } from '../../../../stack/cli/restore/options.ts';
import { contextOf, StackFile } from '../../../../stack/config/stack-file.ts';
import { folder } from '../../../support/folder.ts';

describe('the newest login of a backup', () => {
  const login = (accessToken: string, expiresAt?: number) =>
    JSON.stringify({ claudeAiOauth: { accessToken, expiresAt } });
  const places = (living: string, own: string, secret: string) => ({
    'volume/claude/.credentials.json': living,
    'local/session/.credentials.json': own,
    'objects/secret/claude-session.yaml': stringify({
      data: { '.credentials.json': Buffer.from(secret).toString('base64') },
    }),
  });

  test.each([
    ['the login that was renewed last', login('living', 2), login('own', 3), login('secret', 1), 'own'],
    ['the login of the pod if all are equally old', login('living'), login('own'), login('secret'), 'living'],
    ['never a login whose tokens the CLI emptied', login('', 9), login('own', 1), login('secret', 2), 'secret'],
    ['never a login that cannot be read', 'no JSON', '{}', login('secret', 2), 'secret'],
  ])('is %s', (_what, living, own, secret, wins) => {
    expect(newestLogin(folder(places(living, own, secret)))?.content.toString()).toContain(wins);
  });

  test('is undefined when the backup has no login', () => {
    expect(newestLogin(folder())).toBeUndefined();
  });
});

describe('the objects of a backup', () => {
  test('can be applied again and exclude those of other namespaces; a kind that cannot be read is reported', async () => {
    const metadata = { uid: 'u', resourceVersion: '1', creationTimestamp: 't', managedFields: [], labels: { a: 'on' } };
    const volume = (name: string, namespace: string) => ({
      kind: 'PersistentVolume',
      metadata: { name },
      spec: { claimRef: { namespace } },
    });
    const lists: Record<string, object[]> = {
      secrets: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', ...metadata }, data: { on: 'eA==' } }],
      persistentvolumes: [volume('ours', 'claude-agent'), volume('theirs', 'other')],
    };
    const { objects, failures } = await readObjects(([, kind = '']) => {
      if (kind === 'roles') return Promise.resolve({ failure: 'forbidden', missing: false });
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'claude-agent' } };
      const answer = kind.startsWith('namespace/') ? namespace : { items: lists[kind] ?? [] };
      return Promise.resolve({ output: JSON.stringify(answer) });
    });
    expect(failures).toEqual(['objects: roles: forbidden']);
    const at = folder();
    writeObjects(at, objects);
    const file = path.join(at, 'secret', 's.yaml');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(parse(readFileSync(file, 'utf8'), { version: '1.1' })).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', labels: { a: 'on' } },
      data: { on: 'eA==' },
    });
    expect(objects.map((object) => object.metadata.name)).toEqual(['claude-agent', 's', 'ours']);
  });

  test('are missing for a single reason when the namespace cannot be read', async () => {
    const answer = await readObjects(() => Promise.resolve({ failure: 'connection refused', missing: false }));
    expect(answer).toEqual({ objects: [], failures: ['objects: connection refused'] });
  });
});

describe('the arguments of a restore', () => {
  test('select everything or one part, and replace config of the backup', () => {
    expect(restoreOptions(['b', '-y'])).toMatchObject({
      file: 'b',
      parts: ['state', 'volume'],
      yes: true,
      overwrite: false,
    });
    expect(
      restoreOptions(['b', '--only', 'volume', '-c', 'kubeContext=new', '--config', 'registry=r=1']),
    ).toMatchObject({
      parts: ['volume'],
      config: { kubeContext: 'new', registry: 'r=1' },
    });
  });

  test.each([
    [[], /Which backup\? npm run restore -- FILE/],
    [['a', 'b'], /Expected one file, but got a and b/],
    [['a', '--only', 'records'], /'records' is not a part; allowed: state, volume/],
    [['a', '--config', 'kubeContext'], /'kubeContext' must be KEY=VALUE/],
    [['a', '--force'], /--force/],
  ])('%j are refused, and the valid ones are listed', (args, message) => {
    expect(() => restoreOptions(args)).toThrow(message);
  });

  test('set config in the stack file; an unknown key is refused', () => {
    const content = 'config:\n  claude-code-agent:registry: r # ours\n';
    const changed = withConfig(content, { kubeContext: 'new' }, '.');
    expect(changed).toContain('registry: r # ours');
    expect(contextOf(new StackFile(changed, '.'))).toBe('new');
    expect(withConfig(content, {}, '.')).toBe(content);
    expect(() => withConfig(content, { kubecontext: 'new' }, '.')).toThrow(
      /--config kubecontext: there is no such key/,
    );
  });
});

describe('a restore that was killed', () => {
  test('repeats no finished step, and a restore of another backup starts over', async () => {
    const local = folder();
    const done: string[] = [];
    const step = (progress: Progress, name: string) => progress.step(name, () => Promise.resolve(void done.push(name)));
    const first = new Progress(local, 'a', '/b.tar.gz');
    expect(first.wasBegun).toBe(false);
    first.begin();
    await step(first, 'one');
    await expect(first.step('two', () => Promise.reject(new Error('killed')))).rejects.toThrow('killed');
    const second = new Progress(local, 'a', '/b.tar.gz');
    expect(second.wasBegun).toBe(true);
    for (const name of ['one', 'two']) await step(second, name);
    expect(done).toEqual(['one', 'two']);
    expect(new Progress(local, 'b', '/b.tar.gz').wasBegun).toBe(false);
    expect(() => refuseWithinRestore(local)).toThrow(/restore of \/b.tar.gz is unfinished.*rm .*restore.json/);
    await step(second, 'volume');
    refuseWithinRestore(local);
    second.end();
    expect(new Progress(local, 'a', '/b.tar.gz').wasBegun).toBe(false);
  });
});
