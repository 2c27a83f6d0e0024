import { EventEmitter, once } from 'node:events';
import { expect, it } from 'vitest';
import { LogLimit } from '../../agent/log-limit.ts';

it('writes twenty lines of each kind, how many were left out once the time is over, and then lines again', async () => {
  const lines: string[] = [];
  const written = new EventEmitter();
  const warn = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
    written.emit(message);
  };
  using limit = new LogLimit({ warn }, 20);
  for (let i = 1; i <= 50; i += 1) limit.warn('a', { i }, 'refused');
  limit.warn('b', {}, 'slow');
  expect(lines).toHaveLength(21);
  expect(lines.slice(-2)).toEqual(['refused {"i":20}', 'slow {}']);

  await once(written, 'refused; more of these lines were left out');
  expect(lines.at(-1)).toBe('refused; more of these lines were left out {"kind":"a","leftOut":30}');
  limit.warn('a', { i: 51 }, 'refused');
  expect(lines.at(-1)).toBe('refused {"i":51}');
});
