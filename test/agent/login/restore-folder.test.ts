import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { restoreFolder, removeLeftovers, type Users } from '../../../agent/login/restore-folder.ts';
import { until } from '../../support/agent.ts';

const ID = '0b3ef75a-4fd1-4ba3-9a6c-0d5c6a0a4c2e';
const GIVEN = { 'settings.json': '{}', 'skills/a/SKILL.md': 'skill', '.claude.json': '{"userID":"u"}' };

let state: string;
let warnings: unknown[];
beforeEach(() => {
  state = realpathSync(mkdtempSync(path.join(tmpdir(), 'put-back-')));
  warnings = [];
});
afterEach(() => {
  execFileSync('chmod', ['-R', 'u+rwX', state]);
  rmSync(state, { recursive: true });
});

const at = (...parts: string[]) => path.join(state, 'claude', ...parts);
const log = { warn: (...told: unknown[]) => void warnings.push(told) };
const folder = () => ({
  root: at(),
  given: new Map(Object.entries(GIVEN).map(([name, content]) => [name, Buffer.from(content)])),
  left: ['.credentials.json'],
  projects: 'projects',
  inUse: (name: string) => name === 'sessions',
});
const write = (name: string, content = 'x') => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
};
const files = () =>
  readdirSync(at(), { recursive: true, encoding: 'utf8' })
    .filter((name) => lstatSync(at(name)).isFile())
    .sort();
/** Restores the folder, and waits until the moved files are removed. */
async function put(users: Users = 'none'): Promise<void> {
  restoreFolder(folder(), users, state, log);
  await until(() => readdirSync(state).every((name) => name === 'claude' || name === 'elsewhere'), 'all is removed');
  expect(warnings).toEqual([]);
  for (const [name, content] of Object.entries(GIVEN)) expect(readFileSync(at(name), 'utf8')).toBe(content);
}

describe('a restored folder', () => {
  it('is created if it is missing, readable by the agent only', async () => {
    await put();
    expect(lstatSync(at()).mode & 0o777).toBe(0o700);
    expect(lstatSync(at('settings.json')).mode & 0o777).toBe(0o600);
  });

  it('has the given files, conversations and the login, and nothing else', async () => {
    write('settings.json', '{"hooks":{}}');
    write('.credentials.json', 'login');
    write(`projects/-workspace/${ID}.jsonl`, 'conversation');
    write(`projects/-workspace/${ID}/subagents/agent-1.jsonl`, 'sub-agent');
    for (const name of ['CLAUDE.md', 'rules/a.md', 'skills/b/SKILL.md', 'skills/a/more.md', 'plugins/p/x']) write(name);
    for (const name of ['projects/stray', 'projects/-workspace/memory/MEMORY.md', 'projects/-workspace/CLAUDE.md'])
      write(name);
    await put();
    expect(files()).toEqual(
      [
        ...Object.keys(GIVEN),
        '.credentials.json',
        `projects/-workspace/${ID}.jsonl`,
        `projects/-workspace/${ID}/subagents/agent-1.jsonl`,
      ].sort(),
    );
  });

  it('keeps what processes work with, while there are any', async () => {
    for (const name of [
      'sessions/1.json',
      'CLAUDE.md',
      'skills/sessions/SKILL.md',
      'settings.json',
      'projects/-a/memory/x',
    ])
      write(name);
    await put('runs');
    expect(files()).toEqual([...Object.keys(GIVEN), 'sessions/1.json'].sort());
    expect(readdirSync(at('projects'))).toEqual(['-a']);
    await put('none');
    expect(files()).toEqual(Object.keys(GIVEN).sort());
    expect(readdirSync(at('projects'))).toEqual([]);
  });

  it('does not touch correct files, not even their times', async () => {
    await put();
    const times = () => Object.keys(GIVEN).map((name) => lstatSync(at(name)).ctimeMs);
    const before = times();
    await put();
    expect(times()).toEqual(before);
  });

  it.each(['', 'projects', 'projects/-workspace', 'skills', 'settings.json', '.credentials.json'])(
    'has no link in place of "%s", and the target of the link does not change',
    async (name) => {
      mkdirSync(path.join(state, 'elsewhere/-workspace'), { recursive: true });
      writeFileSync(path.join(state, 'elsewhere/kept'), 'kept');
      mkdirSync(path.dirname(at(name)), { recursive: true });
      symlinkSync(path.join(state, 'elsewhere'), at(name));
      await put();
      expect(lstatSync(at(name), { throwIfNoEntry: false })?.isSymbolicLink() ?? false).toBe(false);
      expect(readdirSync(path.join(state, 'elsewhere')).sort()).toEqual(['-workspace', 'kept']);
    },
  );

  it('replaces folders without any permissions', async () => {
    write('skills/a/SKILL.md', 'other');
    write('projects/-workspace/memory/deep/er');
    write('locked/in/side');
    for (const name of [
      'locked/in',
      'locked',
      'projects/-workspace/memory/deep',
      'projects/-workspace/memory',
      'skills/a',
    ])
      chmodSync(at(name), 0o000);
    chmodSync(at('skills'), 0o500);
    chmodSync(at(), 0o500);
    await put();
    expect(existsSync(at('locked'))).toBe(false);
  });

  it('replaces a named pipe, a file that is too large, and a tree deeper than the longest path', async () => {
    mkdirSync(at());
    execFileSync('mkfifo', [at('settings.json')]);
    write('.claude.json', 'x'.repeat(2_000_000));
    const deep = "for (let i = 0; i < 60; i += 1) { fs.mkdirSync('d'.repeat(100)); process.chdir('d'.repeat(100)); }";
    execFileSync(process.execPath, ['-e', deep], { cwd: at() });
    await put();
  });
});

it('loses the files that a killed agent had only moved away at the next start', async () => {
  mkdirSync(path.join(state, '.removed-x/y'), { recursive: true });
  removeLeftovers(state, log);
  await until(() => readdirSync(state).length === 0, 'it is removed');
});
