import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import * as pulumi from '@pulumi/pulumi';
import { beforeAll, describe, expect, test } from 'vitest';

import { SeedError } from '../../../stack/session/files.ts';
import { readSeed } from '../../../stack/session/seed.ts';
import type { SeedPlace } from '../../../stack/session/seed.ts';
import { SessionSecret } from '../../../stack/components/secrets/session.ts';
import { record } from '../../../stack/plan/record.ts';
import { loginFolder, REFRESH_TOKEN } from '../program.ts';
import { needs, unless } from '../../support/needs.ts';

const empty = () => mkdtempSync(path.join(tmpdir(), 'empty-'));
const place = (given: Partial<SeedPlace>): SeedPlace => ({
  sessionDir: undefined,
  extras: [],
  projectDir: empty(),
  homeDir: empty(),
  platform: 'linux',
  ...given,
});

/** A home or project folder with a login at `below`. */
function withLogin(below: string): string {
  const parent = empty();
  mkdirSync(path.join(parent, path.dirname(below)), { recursive: true });
  symlinkSync(loginFolder(), path.join(parent, below));
  return parent;
}

function errorOf(given: Partial<SeedPlace>): string {
  try {
    readSeed(place(given));
  } catch (error) {
    if (error instanceof SeedError) return error.message;
    throw error;
  }
  throw new Error('The seed was accepted.');
}

function filesOf(given: Partial<SeedPlace>): Record<string, string> {
  const seed = readSeed(place(given));
  if (seed.kind === 'none') throw new Error(seed.reason);
  return seed.data;
}

describe('the seed', () => {
  test('contains the credentials and the settings, and nothing that grows', () => {
    const sessionDir = loginFolder({
      'settings.json': '{"model":"opus"}',
      'history.jsonl': '{}',
      'projects/a.jsonl': '{}',
      'CLAUDE.md': 'Be brief.',
      'agents/a.md': 'x',
    });
    const data = filesOf({ sessionDir });
    expect(Object.keys(data).sort()).toEqual(['.credentials.json', 'settings.json']);
    expect(Buffer.from(data['settings.json'] ?? '', 'base64').toString()).toBe('{"model":"opus"}');
    expect(Buffer.from(data['.credentials.json'] ?? '', 'base64').toString()).toContain(REFRESH_TOKEN);
  });

  test('contains the configured extras, folders with everything below them, and ignores missing ones', () => {
    const sessionDir = loginFolder({ 'CLAUDE.md': 'x', 'skills/a/SKILL.md': 'x', 'skills/b c/ä.md': 'x' });
    const keys = Object.keys(filesOf({ sessionDir, extras: ['CLAUDE.md', 'skills', 'agents'] }));
    expect(keys.sort()).toEqual([
      '.credentials.json',
      'CLAUDE.md',
      'skills_2fa_2fSKILL.md',
      'skills_2fb_20c_2f_c3_a4.md',
    ]);
  });

  test("prefers the pod's own login to the daily one, and a configured folder to both", () => {
    const projectDir = withLogin('.local/session');
    const homeDir = withLogin('.claude');
    const sessionDir = loginFolder();
    expect(readSeed(place({ projectDir, homeDir, sessionDir }))).toMatchObject({ folder: sessionDir, warnings: [] });
    expect(readSeed(place({ projectDir, homeDir }))).toMatchObject({
      folder: path.join(projectDir, '.local/session'),
      warnings: [],
    });
    expect(readSeed(place({ homeDir }))).toMatchObject({ folder: path.join(homeDir, '.claude') });
  });

  test('from the daily folder comes with a warning that recommends a login of its own', () => {
    const seed = readSeed(place({ homeDir: withLogin('.claude') }));
    expect(seed).toMatchObject({ warnings: [expect.stringContaining('npm run login') as string] });
  });

  test('accepts a configured folder below the home folder or the repository', () => {
    const homeDir = withLogin('other');
    expect(readSeed(place({ homeDir, sessionDir: '~/other' }))).toMatchObject({ folder: path.join(homeDir, 'other') });
    const projectDir = withLogin('other');
    expect(readSeed(place({ projectDir, sessionDir: 'other' }))).toMatchObject({
      folder: path.join(projectDir, 'other'),
    });
  });

  test('is missing, without an error, on a machine without a login', () => {
    const homeDir = empty();
    expect(readSeed(place({ homeDir }))).toEqual({
      kind: 'none',
      reason: `there is no .credentials.json in ${path.join(homeDir, '.claude')}`,
    });
    expect(readSeed(place({ sessionDir: '/nowhere' })).kind).toBe('none');
    expect(readSeed(place({ platform: 'darwin' })).kind).toBe('none');
  });

  test('on macOS, where the login is in the Keychain, is an error with the command that writes a file', () => {
    const homeDir = withLogin('.claude');
    rmSync(path.join(homeDir, '.claude', '.credentials.json'));
    expect(errorOf({ homeDir, platform: 'darwin' })).toMatch(/\.claude\/\.credentials\.json .*Keychain.*npm run login/);
  });

  test.each([
    ['is not JSON', '{"claudeAiOauth": canary'],
    ['contains no login', '{"claudeAiOauth":{"accessToken":"","refreshToken":"","x":"canary"}}'],
    ['contains no login', '{"other":"canary"}'],
    ['contains no login', '"canary"'],
    ['contains no login', 'null'],
  ])('with credentials that %s is an error that names the file and not its content: %s', (complaint, content) => {
    const sessionDir = loginFolder({ '.credentials.json': content });
    const message = errorOf({ sessionDir });
    expect(message).toContain(`${path.join(sessionDir, '.credentials.json')} ${complaint}`);
    expect(message).toContain('npm run login');
    expect(message).not.toContain('canary');
  });

  test('with settings that are not JSON is an error that names them', () => {
    const sessionDir = loginFolder({ 'settings.json': '{,}' });
    expect(errorOf({ sessionDir })).toContain(`${path.join(sessionDir, 'settings.json')} is not JSON`);
  });

  test('that cannot be read is an error that names the file and the command that fixes it', () => {
    const sessionDir = loginFolder();
    rmSync(path.join(sessionDir, '.credentials.json'));
    mkdirSync(path.join(sessionDir, '.credentials.json'));
    expect(errorOf({ sessionDir })).toMatch(/\.credentials\.json can't be read \(EISDIR.*chown/);
  });

  test(
    'without permission is an error that names the file',
    needs(unless(process.getuid?.() !== 0, 'Root may read every file.')),
    () => {
      const sessionDir = loginFolder();
      chmodSync(path.join(sessionDir, '.credentials.json'), 0);
      expect(errorOf({ sessionDir })).toMatch(/\.credentials\.json can't be read \(EACCES/);
    },
  );

  test('over 1 MiB is an error that names the largest file', () => {
    const sessionDir = loginFolder({ 'skills/small.md': 'x' });
    writeFileSync(path.join(sessionDir, 'skills', 'large.md'), 'x'.repeat(1_048_576));
    const message = errorOf({ sessionDir, extras: ['skills'] });
    expect(message).toContain('over the 1048576');
    expect(message).toContain('skills/large.md');
  });
});

describe('a seed that would replace another', () => {
  const login = (expiresAt: unknown) => ({
    '.credentials.json': Buffer.from(JSON.stringify({ claudeAiOauth: { accessToken: 'canary', expiresAt } })).toString(
      'base64',
    ),
  });

  /** The Secret's hooks, which the engine calls before an update. */
  let hooks: pulumi.ResourceHook[];
  beforeAll(async () => {
    const found: pulumi.ResourceHook[] = [];
    const note: pulumi.ResourceTransformation = ({ opts }) => {
      for (const hook of opts.hooks?.beforeUpdate ?? []) if (hook instanceof pulumi.ResourceHook) found.push(hook);
      return undefined;
    };
    const standIn = { resource: () => ({}), call: () => ({}) };
    await record({ project: 'p', stack: 'dev', config: {}, standIn }, () => {
      const seed = readSeed(place({ sessionDir: loginFolder() }));
      new SessionSecret('session', { namespace: 'n', seed }, { transformations: [note] });
      return Promise.resolve({});
    });
    hooks = found;
  });
  /** Updates the Secret as the engine does: it passes the data as secrets. */
  const update = async (old: Record<string, string>, next: Record<string, string>) => {
    expect(hooks).toHaveLength(1);
    const secret = { urn: 'u', id: 'i', name: 'session', type: 'kubernetes:core/v1:Secret', oldInputs: {} };
    for (const hook of hooks) {
      await hook.callback({
        ...secret,
        oldOutputs: { data: pulumi.secret(old) },
        newInputs: { data: pulumi.secret(next) },
      });
    }
  };

  test('is rejected when it is older, with both dates and the two commands to choose from', async () => {
    await expect(update(login(2_000_000_000_000), login(1_900_000_000_000))).rejects.toThrow(
      /2030-03-17T17:46:40.000Z\) is older than .*2033-05-18T03:33:20.000Z.*npm run login.*sessionFrom cluster/s,
    );
  });

  test('is accepted when it is newer, equally old, or has no date', async () => {
    for (const [old, next] of [
      [1, 2],
      [2, 2],
      [2, undefined],
      [undefined, 1],
      ['3', 2],
    ]) {
      await update(login(old), login(next));
    }
    await update({}, login(1));
    await update({ '.credentials.json': 'bm90IEpTT04=' }, login(1));
  });
});
