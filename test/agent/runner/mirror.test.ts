import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Mirror } from '../../../agent/runner/client/mirror.ts';
import { ByteQueue } from '../../../agent/runner/flow.ts';
import { ProtocolError, PULL_LIMITS, WINDOW_BYTES } from '../../../agent/runner/protocol.ts';

describe('the copy of what is on a runner, which may lie', () => {
  let folder: string;
  let mirror: Mirror;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'mirror-'));
    mirror = new Mirror(path.join(folder, 'inside'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function take(name: string, text: string, offset = 0, bytes = offset + text.length): Promise<void> {
    const content = new ByteQueue(() => undefined);
    content.push(Buffer.from(text));
    content.end();
    return mirror.take({ path: name, bytes, mtimeMs: 1000 }, offset, content);
  }

  it.each(['../out', '/out', 'a/../../out', 'a//out', '.', 'a/./out', 'a\\out', 'a\0b', '', 'a/'.repeat(300)])(
    'has no file at %j',
    async (name) => {
      await expect(take(name, 'text')).rejects.toThrow(ProtocolError);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('grows by what is appended, and begins again otherwise', async () => {
    await take('p/c.jsonl', 'one');
    await take('p/c.jsonl', 'two', 3);
    expect(readFileSync(path.join(folder, 'inside/p/c.jsonl'), 'utf8')).toBe('onetwo');
    await expect(take('p/c.jsonl', 'x', 3)).rejects.toThrow('an invalid offset');
    await take('p/c.jsonl', 'new');
    expect(readFileSync(path.join(folder, 'inside/p/c.jsonl'), 'utf8')).toBe('new');
    expect(mirror.known).toEqual([{ path: 'p/c.jsonl', bytes: 3, mtimeMs: 1000 }]);
  });

  it('has a limit for all files together', async () => {
    await take('p/a', 'text');
    await expect(take('p/b', '', 0, PULL_LIMITS.bytes)).rejects.toThrow('too many files');
  });

  it('keeps what it had if the connection ends in the middle', async () => {
    await take('p/c.jsonl', 'one');
    await expect(take('p/c.jsonl', 'tw', 3, 100)).rejects.toThrow('the connection ended');
    expect(mirror.known).toMatchObject([{ bytes: 3 }]);
  });

  it('takes no more data at once than the window', () => {
    const content = new ByteQueue(() => undefined);
    expect(() => content.push(Buffer.alloc(WINDOW_BYTES + 1))).toThrow(ProtocolError);
  });
});
