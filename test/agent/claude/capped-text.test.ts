import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { CappedText } from '../../../agent/claude/capped-text.ts';

const TEN_MEGABYTES = JSON.stringify('x'.repeat(10_000_000));

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

it('keeps the part of a text that fits, counts the rest, and keeps none of it in memory', () => {
  const before = process.memoryUsage().heapUsed;
  const texts = Array.from({ length: 20 }, () => {
    const text = new CappedText(1000);
    text.append('first ');
    text.append(JSON.parse(TEN_MEGABYTES) as string);
    return text.toString();
  });
  collectGarbage();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20_000_000);
  expect(new Set(texts)).toEqual(new Set([`first ${'x'.repeat(994)}`]));
});

it('cuts only at the end, even in the middle of a character', () => {
  const text = new CappedText(3);
  text.append('a😀b');
  text.append('c');
  expect(text.toString()).toBe('a😀');
  expect(text.omitted).toBe(2);
  const half = new CappedText(2);
  half.append('a😀b');
  expect(half.toString()).toBe('a\ud83d');
});
