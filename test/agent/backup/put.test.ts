import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { openStore } from '../../../agent/store/sqlite.ts';
import type { RunStore } from '../../../agent/store/store.ts';
import { Agent } from '../../support/agent.ts';
import { folder } from '../../support/folder.ts';

const PROGRAM = 'agent/backup/put.ts';
const LOGIN = 'claude/.credentials.json';

const login = (name: string, expiresAt: number) =>
  JSON.stringify({ claudeAiOauth: { accessToken: name, refreshToken: name, expiresAt } });

/** Puts a backup on a volume. */
async function put(backup: string, volume: string): Promise<void> {
  const archive = path.join(folder(), 'volume.tar.gz');
  await execa('tar', ['-czf', archive, '-C', backup, '.']);
  await execa(process.execPath, [PROGRAM, volume], {
    stdin: { file: archive },
  });
}

function records(at: string, write: (store: RunStore) => void): void {
  using store = openStore(path.join(at, 'runs.db'));
  write(store);
}
const ASKED = { prompt: 'p', options: {}, labels: {}, timeoutMs: 1000, workdir: '/workspace' };
const SAID = { outcome: 'succeeded', output: 'o', permissionDenials: [], warnings: [] } as const;

describe('a backup that is restored to a volume', () => {
  test('restores the records; queued runs are marked as running, so the agent ends them and never executes them', async () => {
    const backup = folder();
    const ids: string[] = [];
    records(backup, (store) => {
      const ended = store.end(store.begin(store.accept(ASKED, 's')), SAID);
      ids.push(ended.id, store.accept({ ...ASKED, prompt: 'waits' }, 's').id);
    });
    const volume = folder();
    records(volume, (store) => void store.accept(ASKED, 'of the new system'));
    writeFileSync(path.join(volume, 'runs.db-wal'), 'of other records');
    await put(backup, volume);
    records(volume, (store) => {
      expect(store.find(ids[0] ?? '')).toMatchObject({ state: 'ended', result: SAID });
      expect(store.find(ids[1] ?? '')).toMatchObject({ state: 'running', startedAt: expect.any(String) as string });
      expect(store.unfinished()).toHaveLength(1);
    });
  });

  test('has the files of its runs, which the agent then serves', async () => {
    await using agent = await Agent.start({
      prompts: {
        '*': [
          { do: 'shell', command: 'cp "$CLAUDE_RUN_IN"/* "$CLAUDE_RUN_OUT"' },
          { do: 'result', text: 'done' },
        ],
      },
    });
    const { runId } = await agent.run('copy', { files: [{ name: 'a.txt', base64: btoa('from before') }] });
    const archive = path.join(folder(), 'volume.tar.gz');
    await execa(process.execPath, ['agent/backup/take.ts', agent.stateDir, '1'], { stdout: { file: archive } });
    const { stdout } = await execa('tar', ['-xzOf', archive, 'volume.json']);
    expect(JSON.parse(stdout)).toMatchObject({ files: { count: 1, bytes: 11 } });
    await agent.end('SIGTERM');
    rmSync(agent.stateDir, { recursive: true });
    mkdirSync(agent.stateDir);
    await execa(process.execPath, [PROGRAM, agent.stateDir], { stdin: { file: archive } });
    await agent.start();
    expect(await (await agent.fetch(`/runs/${runId}/files/a.txt`)).text()).toBe('from before');
  });

  test('replaces existing entries one by one and leaves the rest', async () => {
    const backup = folder({ 'claude/projects/a/1.jsonl': 'old', 'home/.claude.json': '{}' });
    const volume = folder({ 'claude/projects/a/2.jsonl': 'new', 'claude/cache/x': 'x' });
    await put(backup, volume);
    const there = (name: string) => existsSync(path.join(volume, name));
    expect(there('claude/projects/a/1.jsonl')).toBe(true);
    expect(there('claude/projects/a/2.jsonl')).toBe(false);
    expect([there('claude/cache/x'), there('home/.claude.json'), there('.restore')]).toEqual([true, true, false]);
  });

  test.each([
    ['of this version', 'conversations/1/1.jsonl'],
    ['of an earlier version', 'claude/projects/a/1.jsonl'],
  ])('%s has exactly the conversations of the backup', async (_version, name) => {
    const volume = folder({
      'conversations/1/1.jsonl': 'newer',
      'conversations/2/2.jsonl': 'new',
      'claude/projects/b/1.jsonl': 'newer',
      'configurations/p/projects/b/1.jsonl': 'newer',
    });
    await put(folder({ [name]: 'old' }), volume);
    const left = readdirSync(volume, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.jsonl'));
    expect(left).toEqual([name]);
    expect(readFileSync(path.join(volume, name), 'utf8')).toBe('old');
  });

  test('leaves the conversations of the volume if it has none', async () => {
    const volume = folder({ 'conversations/2/2.jsonl': 'new' });
    await put(folder({ 'claude/.claude.json': '{}' }), volume);
    expect(existsSync(path.join(volume, 'conversations/2/2.jsonl'))).toBe(true);
  });

  test.each([
    ['restores its login when the volume has an older one', login('there', 1), 'backup'],
    ['keeps a login that was renewed later', login('there', 9), 'there'],
    ['restores its login when the existing one is dead', login('', 9), 'backup'],
    ['restores its login when the existing one cannot be read', 'no JSON', 'backup'],
  ])('%s', async (_what, there, wins) => {
    const backup = folder({ [LOGIN]: login('backup', 5), 'seed.json': '"of the backup"' });
    const volume = folder({ [LOGIN]: there, 'seed.json': '"of the volume"' });
    await put(backup, volume);
    expect(readFileSync(path.join(volume, LOGIN), 'utf8')).toContain(`"accessToken":"${wins}"`);
    expect(readFileSync(path.join(volume, 'seed.json'), 'utf8')).toContain(wins === 'backup' ? 'backup' : 'volume');
  });

  test('that is cut off in transit changes nothing', async () => {
    const backup = folder({ 'claude/projects/a/1.jsonl': 'x'.repeat(100_000) });
    const archive = path.join(folder(), 'volume.tar.gz');
    await execa('tar', ['-czf', archive, '-C', backup, '.']);
    writeFileSync(archive, readFileSync(archive).subarray(0, 150));
    const volume = folder({ 'claude/projects/a/2.jsonl': 'new' });
    const { failed } = await execa(process.execPath, [PROGRAM, volume], {
      stdin: { file: archive },
      reject: false,
    });
    expect(failed).toBe(true);
    expect(readFileSync(path.join(volume, 'claude/projects/a/2.jsonl'), 'utf8')).toBe('new');
  });
});
