import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import { npmRun, npmRunAll, suggestFor } from '../../stack/next-command.ts';

afterEach(() => {
  suggestFor('dev');
});

describe('a suggested command', () => {
  test('names no stack if it is the default', () => {
    suggestFor('dev');
    expect(npmRun('up')).toBe('npm run up');
    expect(npmRun('rollback', '12')).toBe('npm run rollback -- 12');
  });

  test.each([
    ['prod', 'dev'],
    ['prod', 'prod'],
  ])('names the stack %s, even if a variable that another terminal lacks selects it', (stack, usual) => {
    suggestFor(stack, usual);
    expect(npmRun('up')).toBe('npm run up -- --stack prod');
    expect(npmRun('rollback', '12')).toBe('npm run rollback -- 12 --stack prod');
    expect(npmRunAll(['pulumi', 'config rm image'], 'up')).toBe(
      'npm run pulumi -- config rm image --stack prod && npm run up -- --stack prod',
    );
  });

  test('names dev if a variable selects another stack', () => {
    suggestFor('dev', 'prod');
    expect(npmRun('up')).toBe('npm run up -- --stack dev');
  });

  test('is written only by this function in the stack', () => {
    const written = readdirSync('stack', { recursive: true, encoding: 'utf8' })
      .filter(
        (file) => file.endsWith('.ts') && !/next-command|usages|pulumi-options|command-line|plan\/main/.test(file),
      )
      .flatMap((file) =>
        readFileSync(path.join('stack', file), 'utf8')
          .split('\n')
          .filter((line) =>
            /npm run (up|preview|refresh|down|rollback|login|doctor|backup|restore|pulumi)\b/.test(line),
          )
          .filter((line) => !/^\s*(\/?\*|\/\/)/.test(line))
          .map((line) => `${file}: ${line.trim()}`),
      );
    expect(written.map((line) => line.replace(/:.*/, ''))).toEqual([
      'cli/archive/manifest.ts', // Of the stack that the backup is of.
      'cli/archive/newest-login.ts', // Where a login comes from.
      'cli/backup/take.ts',
    ]);
  });
});
