import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  existsSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adoptSeed } from '../../../agent/login/seed.ts';

const HOUR = 3_600_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'seed-'));
  mkdirSync(path.join(folder, 'seed'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const inFolder = (...parts: string[]) => path.join(folder, ...parts);
const adopt = () => adoptSeed(inFolder('seed'), inFolder('living'), inFolder('seed.json'));
const login = (accessToken: string, expiresAt: number) =>
  JSON.stringify({ claudeAiOauth: { accessToken, refreshToken: `r-${accessToken}`, expiresAt } });
const seed = (content: string, name = '.credentials.json') => writeFileSync(inFolder('seed', name), content);
const living = (name = '.credentials.json') => readFileSync(inFolder('living', name), 'utf8');
const refreshed = (content: string) => writeFileSync(inFolder('living/.credentials.json'), content);

describe('a seed', () => {
  it('is copied on the first start, readable by the agent only', () => {
    seed(login('a', Date.now() + HOUR));
    expect(adopt()).toEqual({ copied: ['.credentials.json'], removed: [] });
    expect(statSync(inFolder('living/.credentials.json')).mode & 0o777).toBe(0o600);
  });

  it('that did not change is not copied again, so a refreshed login stays', () => {
    seed(login('a', Date.now() + HOUR));
    adopt();
    refreshed(login('b', Date.now() + 9 * HOUR));
    expect(adopt()).toEqual({ copied: [], removed: [] });
    expect(living()).toContain('"b"');
  });

  it('that changed and is newer replaces the current login', () => {
    seed(login('a', Date.now() + HOUR));
    adopt();
    seed(login('c', Date.now() + 8 * HOUR));
    expect(adopt().copied).toEqual(['.credentials.json']);
    expect(living()).toContain('"c"');
  });

  it('that changed but is older is refused with the reason', () => {
    seed(login('a', Date.now() + HOUR));
    adopt();
    refreshed(login('b', Date.now() + 9 * HOUR));
    seed(login('old', Date.now() - HOUR));
    const { copied, loginKept } = adopt();
    expect(copied).toEqual([]);
    expect(loginKept).toMatch(/before the current one .* run `claude auth login`/);
    expect(living()).toContain('"b"');
  });

  it('that changed replaces an emptied login, whatever its age', () => {
    seed(login('a', Date.now() + HOUR));
    adopt();
    refreshed(JSON.stringify({ claudeAiOauth: { accessToken: '', refreshToken: '', expiresAt: 0 } }));
    seed(login('c', Date.now() - HOUR));
    expect(adopt().copied).toEqual(['.credentials.json']);
  });

  it.each(['{', 'null', '{}', '{"claudeAiOauth":{"accessToken":""}}'])(
    'with the login %j replaces nothing',
    (content) => {
      seed(login('a', Date.now() + HOUR));
      adopt();
      seed(content);
      expect(adopt().loginKept).toContain('contains no login');
      expect(living()).toContain('"a"');
    },
  );

  it('is copied again if the current login is lost', () => {
    seed(login('a', Date.now() + HOUR));
    adopt();
    rmSync(inFolder('living'), { recursive: true });
    expect(adopt().copied).toEqual(['.credentials.json']);
  });

  it('brings settings and skills, which are removed with it, and nothing else', () => {
    seed('{}', 'settings.json');
    seed('x', 'history.jsonl');
    mkdirSync(inFolder('seed/projects'));
    mkdirSync(inFolder('seed/skills/one'), { recursive: true });
    seed('skill', 'skills/one/SKILL.md');
    expect(adopt().copied).toEqual(['settings.json', 'skills/one/SKILL.md']);
    expect(living('skills/one/SKILL.md')).toBe('skill');
    rmSync(inFolder('seed/skills'), { recursive: true });
    expect(adopt()).toEqual({ copied: [], removed: ['skills/one/SKILL.md'] });
    expect(existsSync(inFolder('living/skills/one/SKILL.md'))).toBe(false);
    expect(adopt()).toEqual({ copied: [], removed: [] });
  });

  it('is read through the links of a Secret volume', () => {
    mkdirSync(inFolder('seed/..2026/skills/a'), { recursive: true });
    writeFileSync(inFolder('seed/..2026/skills/a/SKILL.md'), 's');
    writeFileSync(inFolder('seed/..2026/.credentials.json'), login('a', Date.now() + HOUR));
    symlinkSync('..2026', inFolder('seed/..data'));
    for (const name of ['.credentials.json', 'skills']) symlinkSync(`..data/${name}`, inFolder('seed', name));
    expect(adopt().copied).toEqual(['.credentials.json', 'skills/a/SKILL.md']);
  });
});
