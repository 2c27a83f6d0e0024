import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pruneConversations } from '../../../agent/claude/conversations.ts';
import { Agent } from '../../support/agent.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NO_LIMIT = { days: 3650, megabytes: 1_000_000 };

/** Creates a conversation like `claude`: a transcript, and a folder of the same name next to it. */
function leave(
  configDir: string,
  project: string,
  id: string,
  { age, kilobytes = 1 }: { age: number; kilobytes?: number },
) {
  const folder = path.join(configDir, 'projects', project);
  mkdirSync(path.join(folder, id, 'tool-results'), { recursive: true });
  writeFileSync(path.join(folder, id, 'tool-results/r.txt'), 'x'.repeat(kilobytes * 512));
  const file = path.join(folder, `${id}.jsonl`);
  writeFileSync(file, 'x'.repeat(kilobytes * 512));
  const at = new Date(Date.now() - age);
  utimesSync(file, at, at);
}

describe('conversations', () => {
  let folder: string;
  const left = () => readdirSync(path.join(folder, 'projects'), { recursive: true, encoding: 'utf8' }).sort();

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'conversations-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are removed with all their files when they are too old, and the folder of a project with the last one', () => {
    leave(folder, '-a', 'old', { age: 31 * DAY });
    leave(folder, '-a', 'young', { age: 29 * DAY });
    leave(folder, '-b', 'ancient', { age: 90 * DAY });
    expect(pruneConversations(folder, { ...NO_LIMIT, days: 30 })).toBe(2);
    expect(left()).toEqual([
      '-a',
      '-a/young',
      '-a/young.jsonl',
      '-a/young/tool-results',
      '-a/young/tool-results/r.txt',
    ]);
  });

  it('are removed oldest first when they are too large, but never one of the last hour', () => {
    for (const [id, age] of [
      ['c', 3 * DAY],
      ['b', 2 * DAY],
      ['a', 0],
    ] as const) {
      leave(folder, '-p', id, { age, kilobytes: 1024 });
    }
    expect(pruneConversations(folder, { ...NO_LIMIT, megabytes: 2 })).toBe(1);
    expect(left().filter((name) => name.endsWith('.jsonl'))).toEqual(['-p/a.jsonl', '-p/b.jsonl']);
    expect(pruneConversations(folder, { ...NO_LIMIT, megabytes: 0 })).toBe(1);
    expect(left().filter((name) => name.endsWith('.jsonl'))).toEqual(['-p/a.jsonl']);
  });

  it('may be missing', () => {
    expect(pruneConversations(folder, NO_LIMIT)).toBe(0);
  });
});

describe('an agent', () => {
  it("removes conversations in its own folder, and none of a person's", async () => {
    await using agent = new Agent();
    const seed = path.join(agent.folder, 'seed');
    mkdirSync(seed);
    const login = { accessToken: 'a', refreshToken: 'r', expiresAt: Date.now() + HOUR };
    writeFileSync(path.join(seed, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
    const [own, personal] = [path.join(agent.stateDir, 'claude'), path.join(agent.folder, 'home/.claude')];
    for (const folder of [own, personal]) leave(folder, '-p', 'old', { age: 31 * DAY });
    const isThere = (folder: string) => existsSync(path.join(folder, 'projects/-p/old.jsonl'));
    await agent.start();
    expect([isThere(own), isThere(personal)]).toEqual([true, true]);
    await agent.end('SIGTERM');
    agent.env['AGENT_SESSION_DIR'] = seed;
    await agent.start();
    expect([isThere(own), isThere(personal)]).toEqual([false, true]);
  });
});
