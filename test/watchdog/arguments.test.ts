import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { agentDouble, auth, pass } from './double.ts';

const watchdog = (args: readonly string[], env: Record<string, string> = {}) =>
  execa(process.execPath, ['watchdog/main.ts', ...args], { env, extendEnv: false, reject: false });

describe('the arguments of the watchdog', () => {
  test.each(['--help', '-h'])('%s prints the help and does nothing else', async (help) => {
    const { exitCode, stdout, stderr } = await watchdog(['maintenance-start', help]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^npm run watchdog -- \[--dry-run\] \[--every MINUTES\]/);
    expect(stdout).toContain('--expected-end TIME');
    expect(stderr).toBe('');
  });

  test.each([
    [['--dry'], "Unknown option '--dry'"],
    [['pass'], 'unknown command'],
    [['--reason', 'x'], 'options of maintenance-start'],
    [['--every', '0'], 'a whole number of minutes from 1 to 1440'],
    [['--every', '*/30 * * * *'], 'a whole number of minutes from 1 to 1440'],
    [['maintenance-end', '--every', '5'], 'no option of maintenance-end'],
  ])('%j are refused with what is allowed', async (args, why) => {
    const { exitCode, stdout } = await watchdog(args);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(why);
    expect(stdout).toContain('Arguments: [--dry-run] [--every MINUTES] | maintenance-start [--reason TEXT]');
  });

  test('that npm took are refused: a dry run would become a real pass', async () => {
    await using agent = await agentDouble(auth('ok'));
    const { exitCode, sentence } = await pass(agent.url, { npm_config_dry_run: 'true' });
    expect(exitCode).toBe(1);
    expect(sentence).toContain('npm run watchdog -- --dry-run');
    expect(agent.asked).toEqual([]);
  });

  test('are none for a stack: a variable names it, for the commands that it suggests', async () => {
    await using agent = await agentDouble(auth('auth_failed', { detail: 'revoked' }));
    const { sentence } = await pass(agent.url, { WATCHDOG_STACK: 'prod' });
    expect(sentence).toContain('`npm run login -- --stack prod && npm run up -- --stack prod`');
  });
});
