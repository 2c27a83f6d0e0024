import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pruneConversations } from '../../../agent/conversations/prune.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NO_LIMIT = { days: 3650, megabytes: 1_000_000, maxRunMinutes: 60 };

describe('conversations', () => {
  let store: string;
  const left = () => readdirSync(store, { recursive: true, encoding: 'utf8' }).sort();

  /** Creates a conversation like `claude`: a transcript, and a folder of the same name next to it. */
  function leave(id: string, { age, kilobytes = 1 }: { age: number; kilobytes?: number }) {
    mkdirSync(path.join(store, id, id, 'tool-results'), { recursive: true });
    writeFileSync(path.join(store, id, id, 'tool-results/r.txt'), 'x'.repeat(kilobytes * 512));
    const file = path.join(store, id, `${id}.jsonl`);
    writeFileSync(file, 'x'.repeat(kilobytes * 512));
    const at = new Date(Date.now() - age);
    utimesSync(file, at, at);
  }

  beforeEach(() => {
    store = mkdtempSync(path.join(tmpdir(), 'conversations-'));
  });
  afterEach(() => rmSync(store, { recursive: true }));

  it('are removed with all their files when they are too old', () => {
    leave('old', { age: 31 * DAY });
    leave('young', { age: 29 * DAY });
    leave('ancient', { age: 90 * DAY });
    expect(pruneConversations(store, { ...NO_LIMIT, days: 30 })).toBe(2);
    expect(left()).toEqual([
      'young',
      'young/young',
      'young/young.jsonl',
      'young/young/tool-results',
      'young/young/tool-results/r.txt',
    ]);
  });

  it('are removed oldest first when they are too large, but never one of the last hour', () => {
    leave('c', { age: 3 * DAY, kilobytes: 1024 });
    leave('b', { age: 2 * DAY, kilobytes: 1024 });
    leave('a', { age: 0, kilobytes: 1024 });
    expect(pruneConversations(store, { ...NO_LIMIT, megabytes: 2 })).toBe(1);
    expect(readdirSync(store).sort()).toEqual(['a', 'b']);
    expect(pruneConversations(store, { ...NO_LIMIT, megabytes: 0 })).toBe(1);
    expect(readdirSync(store)).toEqual(['a']);
  });

  it('are kept for as long as a run may go on', () => {
    leave('in progress', { age: 2 * HOUR });
    leave('over', { age: 4 * HOUR });
    expect(pruneConversations(store, { ...NO_LIMIT, megabytes: 0, maxRunMinutes: 180 })).toBe(1);
    expect(readdirSync(store)).toEqual(['in progress']);
  });

  it('may be missing', () => {
    expect(pruneConversations(store, NO_LIMIT)).toBe(0);
  });
});
