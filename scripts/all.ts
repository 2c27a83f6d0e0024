/**
 * `npm run check` and `npm run fix`: programs one after the other, until one fails.
 * @module
 */
import { execa } from 'execa';

import { commandLine } from './command.ts';

const npm = (script: string): readonly string[] => ['npm', 'run', script];

const WORK = {
  check: {
    summary: 'Checks types, lint, format, import directions and generated documents; changes nothing.',
    programs: ['types', 'lint', 'format', 'imports', 'openapi', 'docs'].map((part) => npm(`check:${part}`)),
  },
  fix: {
    summary: 'Writes the generated documents anew, and mends what a program can mend of lint and format.',
    programs: [npm('openapi'), npm('docs'), ['eslint', '--fix', '.'], ['prettier', '--write', '.']],
  },
} as const;

const which = process.argv.splice(2, 1)[0] === 'fix' ? 'fix' : 'check';
const { summary, programs } = WORK[which];
commandLine({ command: `npm run ${which}`, summary, options: {} });
for (const [program = '', ...args] of programs) {
  const { exitCode = 1 } = await execa(program, args, { stdio: 'inherit', reject: false, preferLocal: true });
  if (exitCode !== 0) {
    process.exitCode = exitCode;
    break;
  }
}
