import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileHash } from '../../../agent/files/file-hash.ts';
import { FileWriter } from '../../../agent/files/file-writer.ts';
import { folder } from '../../support/folder.ts';

const hashOf = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
const inFolder = (content?: string) => path.join(folder(content === undefined ? {} : { file: content }), 'file');

describe('a file that is written', () => {
  it.each([
    ['nothing', 0, 1],
    ['chunks that fit no buffer', 3_000_001, 70_001],
    ['a chunk that fills several buffers', 3_000_001, 3_000_001],
    ['more than the disk is left to write at the end', 40_000_000, 65_536],
  ])('has %s, and its hash', async (_, bytes, chunkBytes) => {
    const content = randomBytes(bytes);
    const file = inFolder();
    await using handle = await open(file, 'wx+');
    await using writer = new FileWriter(handle);
    const chunk = Buffer.alloc(chunkBytes);
    for (let at = 0; at < bytes; at += chunkBytes) {
      const copied = content.copy(chunk, 0, at, at + chunkBytes);
      await writer.write(chunk.subarray(0, copied));
      chunk.fill(0);
    }
    expect(await writer.end()).toBe(hashOf(content));
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  it('can be closed in the middle, while others are written', async () => {
    const content = randomBytes(2_000_000);
    await using other = await open(inFolder(), 'wx+');
    await using whole = new FileWriter(other);
    {
      await using handle = await open(inFolder(), 'wx+');
      await using half = new FileWriter(handle);
      await Promise.all([half.write(randomBytes(2_000_000)), whole.write(content)]);
    }
    expect(await whole.end()).toBe(hashOf(content));
  });

  it('says why it cannot be written', async () => {
    await using full = await open('/dev/full', 'r+');
    await using writer = new FileWriter(full);
    await writer.write(Buffer.alloc(100));
    await expect(writer.end()).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});

describe('the hash of a file', () => {
  it.each([
    ['small', 3, 10],
    ['large', 1_000_000, 1_000_010],
  ])('is none of a %s file that has become shorter', async (_, bytes, expected) => {
    await using handle = await open(inFolder('x'.repeat(bytes)), 'r');
    await using hash = new FileHash(handle.fd);
    hash.follow(bytes);
    await expect(hash.digest(expected)).rejects.toThrow(`A file ends after ${bytes} of ${expected} bytes.`);
  });

  it.each([10, 1_000_000])('fails with the error of the disk: %d bytes', async (bytes) => {
    await using handle = await open(folder(), 'r');
    await using hash = new FileHash(handle.fd);
    await expect(hash.digest(bytes)).rejects.toMatchObject({ code: 'EISDIR' });
  });
});
