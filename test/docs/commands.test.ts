import { execa } from 'execa';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
/** What is a program of its own, whose help is its own. */
const OTHERS = /^(vitest|tsc|eslint|prettier|depcruise)\b/;
/** Without those of the launcher, which test/stack/cli/arguments/commands.test.ts has. */
const own = Object.entries(scripts)
  .map(([name, command]) => [name, command.replace(/^exec /, '')] as const)
  .filter(([, command]) => !OTHERS.test(command) && !command.includes('cli/main.ts'));

describe('the scripts of package.json', () => {
  test.each(own)('npm run %s -- --help prints what it is, and does nothing', async (_name, command) => {
    const [program = '', ...args] = command.split(' ');
    expect(program).toBe('node');
    const { exitCode, stdout, stderr } = await execa(process.execPath, [...args, '--help'], { reject: false });
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^npm (run|start)/);
    expect(stdout).toContain('--help');
    expect(stderr).toBe('');
  });

  test.each(own)('npm run %s refuses what it does not take', async (_name, command) => {
    const [, ...args] = command.split(' ');
    const { exitCode, stdout, stderr } = await execa(process.execPath, [...args, '--hepl'], { reject: false });
    expect(exitCode).not.toBe(0);
    expect(`${stdout}${stderr}`).toContain('--hepl');
    expect(stderr).not.toContain('    at ');
  });

  test('are none of a shell: it would hand an option to the last of its commands alone', () => {
    expect(Object.entries(scripts).filter(([, command]) => /&&|;|\|/.test(command))).toEqual([]);
  });
});
