import { describe, expect, test } from 'vitest';

import { asksForHelp, helpOf, readLine, UsageError } from '../../../../stack/cli/arguments/command-line.ts';
import type { Usage } from '../../../../stack/cli/arguments/command-line.ts';
import { nearest } from '../../../../stack/nearest.ts';
import { refuseSwallowed } from '../../../../stack/cli/arguments/npm-options.ts';

const USAGE: Usage = {
  command: 'npm run go',
  summary: 'Goes.',
  positionals: { shown: '[FILE]', name: 'file', most: 1, help: 'Where to.' },
  options: {
    stack: { value: 'NAME', short: 's', help: 'Which.' },
    config: { value: 'KEY=VALUE', short: 'c', help: 'How.' },
    quick: { help: 'Faster.' },
  },
  passesOn: {
    program: 'pulumi go',
    flags: ['yes', 'refresh'],
    values: ['target', 'parallel'],
    short: { y: 'yes', p: 'parallel' },
    others: 'npm run pulumi',
  },
};

function refusalOf(args: string[]): string {
  try {
    readLine(USAGE, args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('the arguments of a command', () => {
  test("are its own and another program's, which are passed on unchanged", () => {
    const line = readLine(USAGE, [
      ...['a.tar', '--stack=prod', '-c', 'a=b', '--config', 'c==d', '--quick'],
      ...['-y', '--refresh=false', '--target', 'urn:1', '--target=urn:2', '-p5'],
    ]);
    expect(line.positionals).toEqual(['a.tar']);
    expect(line.value('stack')).toBe('prod');
    expect(line.all('config')).toEqual(['a=b', 'c==d']);
    expect(line.has('quick')).toBe(true);
    expect(line.has('yes')).toBe(false);
    expect(line.passedOn).toEqual(['-y', '--refresh=false', '--target', 'urn:1', '--target=urn:2', '-p=5']);
  });

  test.each([
    [['--stak', 'prod'], "Unknown option '--stak'. Did you mean --stack?"],
    [['--targets', 'x'], "Unknown option '--targets'. Did you mean --target?"],
    [['--something-else'], "Unknown option '--something-else'."],
    [['-z'], "Unknown option '-z'."],
    [['--constructor'], "Unknown option '--constructor'."],
    [['--stack'], "Option '--stack' needs a value: --stack NAME."],
    [['--stack='], "Option '--stack' needs a value: --stack NAME."],
    [['--stack', '--quick'], "Option '--stack' needs a value: --stack NAME."],
    [['--target'], "Option '--target' needs a value: --target VALUE."],
    [['--quick=yes'], "Option '--quick' takes no value."],
    [['a', 'b'], 'Expected one file, but got a and b.'],
  ])('%j are refused, and the message lists what is allowed', (args, why) => {
    const message = refusalOf(args);
    expect(message.split('\n')[0]).toBe(why);
    expect(message).toContain(helpOf(USAGE));
  });

  test('ask for help anywhere before a --', () => {
    expect(asksForHelp(['x', '-h'])).toBe(true);
    expect(asksForHelp(['--yes', '--help'])).toBe(true);
    expect(asksForHelp(['x', '--', '--help'])).toBe(false);
  });

  test.each([
    // npm 11 passes `true` and leaves the value behind; earlier versions take the value.
    [['prod'], { npm_config_stack: 'true' }, 'npm run go -- --stack prod'],
    [[], { npm_config_stack: 'prod' }, 'npm run go -- --stack prod'],
    [
      ['a.tar', 'prod'],
      { npm_config_stack: 'true', npm_config_quick: 'true' },
      'npm run go -- a.tar --stack prod --quick',
    ],
    [['--yes'], { npm_config_stack: 'true' }, 'npm run go -- --yes --stack NAME'],
    [[], { npm_config_refresh: 'true' }, 'npm run go -- --refresh'],
  ])('%j that npm took %j from are refused with the correct command', (args, env, instead) => {
    expect(() => {
      refuseSwallowed(USAGE, args, env);
    }).toThrow(
      `npm takes the options before \`--\` for itself, so the command would run without them. Run instead: ${instead}`,
    );
  });

  test("are not refused for npm's own settings", () => {
    refuseSwallowed(USAGE, [], { npm_config_yes: 'true', npm_config_registry: 'x', npm_config_stack: '' });
  });
});

describe('the nearest word', () => {
  const known = ['preview', 'refresh', 'rollback', 'queueLimit', 'up'];
  test.each([
    ['previw', 'preview'],
    ['rolback', 'rollback'],
    ['rollbakc', 'rollback'],
    ['QUEUELIMIT', 'queueLimit'],
    ['pu', 'up'],
    ['refersh', 'refresh'],
  ])('of %j is %j', (word, name) => {
    expect(nearest(word, known)).toBe(name);
  });

  test.each(['deploy', 'x', ''])('of %j does not exist', (word) => {
    expect(nearest(word, ['preview', 'refresh', 'rollback'])).toBeUndefined();
  });
});
