import { describe, expect, test } from 'vitest';

import { recordsIn, textsOf, withRecord } from '../../stack/update-record.ts';
import type { UpdateContent, UpdateRecord } from '../../stack/update-record.ts';

const NOW = new Date('2026-01-02T03:04:05.678Z');
const content = (changes: Partial<UpdateContent> = {}): UpdateContent => ({
  image: `registry/claude-agent@sha256:${'a'.repeat(64)}`,
  login: '111111111111',
  token: '222222222222',
  claude: '',
  git: '',
  config: { queueLimit: '100' },
  ...changes,
});

describe('the records of updates', () => {
  test('start with number 1 and the time', () => {
    expect(withRecord([], content(), NOW)).toEqual([{ number: 1, time: '2026-01-02T03:04:05.678Z', ...content() }]);
  });

  test('do not include an update that changes nothing', () => {
    const records = withRecord([], content(), NOW);
    expect(withRecord(records, content(), new Date())).toBe(records);
  });

  test.each<[string, Partial<UpdateContent>]>([
    ['image', { image: `registry/claude-agent@sha256:${'b'.repeat(64)}` }],
    ['login', { login: '333333333333' }],
    ['token', { token: '333333333333' }],
    ['set of MCP servers', { claude: '333333333333' }],
    ['credential for git hosts', { git: '333333333333' }],
    ['config', { config: { queueLimit: '50' } }],
    ['set of keys', { config: { queueLimit: '100', aNewKey: '' } }],
  ])('get a new first record for another %s', (_what, changes) => {
    const records = withRecord(withRecord([], content(), NOW), content(changes), NOW);
    expect(records.map(({ number }) => number)).toEqual([2, 1]);
    expect(records[0]).toMatchObject(changes);
  });

  test('drop the oldest and continue the numbers when there are too many', () => {
    let records: readonly UpdateRecord[] = [];
    for (let update = 1; update <= 23; update++) {
      records = withRecord(records, content({ config: { queueLimit: String(update) } }), NOW);
    }
    expect(records).toHaveLength(20);
    expect([records[0]?.number, records.at(-1)?.number]).toEqual([23, 4]);
  });

  test('are read from their texts, newest first', () => {
    const records = Array.from({ length: 12 }, (_, index) => ({
      number: 12 - index,
      time: NOW.toISOString(),
      ...content(index === 0 ? { git: '333333333333' } : {}),
    }));
    expect(recordsIn(textsOf(records))).toEqual(records);
    expect(recordsIn(undefined)).toEqual([]);
  });

  test('have the same text in any order of their keys', () => {
    const { config, ...rest } = content({ config: { a: '1', b: '2' } });
    const one = { ...rest, config, number: 1, time: NOW.toISOString() };
    const other = { config: { b: '2', a: '1' }, time: NOW.toISOString(), number: 1, ...rest };
    expect(textsOf([other])).toEqual(textsOf([one]));
  });

  test('are read from states of earlier versions, which have them as objects', () => {
    const records = withRecord(withRecord([], content(), NOW), content({ login: '333333333333' }), NOW);
    expect(recordsIn(records)).toEqual(records);
  });
});
