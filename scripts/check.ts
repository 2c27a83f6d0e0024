/**
 * `npm run check` and `npm run fix` run programs one after the other until one fails.
 * @module
 */
import { execa } from 'execa';

import { commandLine, namedParts } from './command.ts';

type Program = readonly [name: string, ...args: string[]];

const GENERATE: Program = ['node', 'scripts/generate.ts'];
const TASKS: Readonly<Record<'check' | 'fix', { summary: string; parts: Readonly<Record<string, Program>> }>> = {
  check: {
    summary: 'Checks types, lint rules, format, import directions and generated files. Changes nothing.',
    parts: {
      types: ['tsc'],
      lint: ['eslint', '.'],
      format: ['prettier', '--check', '.'],
      imports: ['depcruise', 'agent', 'stack', 'watchdog', 'test', 'scripts'],
      generated: [...GENERATE, '--check'],
    },
  },
  fix: {
    summary: 'Fixes generated files, lint problems and format, as far as a program can.',
    parts: {
      generated: [...GENERATE, 'openapi', 'tables'],
      lint: ['eslint', '--fix', '.'],
      format: ['prettier', '--write', '.'],
    },
  },
};

const task = process.argv.splice(2, 1)[0] === 'fix' ? 'fix' : 'check';
const { summary, parts } = TASKS[task];
const names = Object.keys(parts);
const usage = {
  command: `npm run ${task}`,
  summary,
  positionals: {
    shown: '[PART…]',
    name: 'part',
    most: names.length,
    help: `What to ${task}: ${names.join(', ')}; everything by default.`,
  },
  options: {},
};
for (const part of namedParts(usage, commandLine(usage), names)) {
  const [program, ...args] = parts[part] ?? [''];
  const { exitCode = 1 } = await execa(program, args, { stdio: 'inherit', reject: false, preferLocal: true });
  if (exitCode !== 0) {
    process.exitCode = exitCode;
    break;
  }
}
