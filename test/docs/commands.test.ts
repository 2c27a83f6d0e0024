import { execa } from 'execa';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
/** Programs with a help of their own. */
const OTHERS = /^(vitest|tsc|eslint|prettier|depcruise)\b/;
/** Without the commands in stack/cli, which test/stack/cli/arguments/commands.hard.test.ts tests. */
const own = Object.entries(scripts)
  .map(([name, command]) => [name, command.replace(/^exec /, '')] as const)
  .filter(([, command]) => !OTHERS.test(command) && !command.includes('cli/main.ts'));

describe('the scripts of package.json', () => {
  test.each(own)('npm run %s -- --help prints the help, and does nothing', async (_name, command) => {
    const [program = '', ...args] = command.split(' ');
    expect(program).toBe('node');
    const { exitCode, stdout, stderr } = await execa(process.execPath, [...args, '--help'], { reject: false });
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^npm (run|start)/);
    expect(stdout).toContain('--help');
    expect(stderr).toBe('');
  });

  test.each(own)('npm run %s rejects an unknown option', async (_name, command) => {
    const [, ...args] = command.split(' ');
    const { exitCode, stdout, stderr } = await execa(process.execPath, [...args, '--hepl'], { reject: false });
    expect(exitCode).not.toBe(0);
    expect(`${stdout}${stderr}`).toContain('--hepl');
    expect(stderr).not.toContain('    at ');
  });

  test('use no shell operators, with which npm would pass options only to the last command', () => {
    expect(Object.entries(scripts).filter(([, command]) => /&&|;|\|/.test(command))).toEqual([]);
  });
});
