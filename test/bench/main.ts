/**
 * `npm run bench` runs all benchmarks of the agent and writes the results to docs/benchmarks.md. `npm run bench -- NAME…`
 * runs some of them and writes nothing. The exit code is 1 if a target is missed.
 * @module
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { commandLine } from '../../scripts/command.ts';
import { helpOf } from '../../stack/cli/arguments/command-line.ts';
import type { Usage } from '../../stack/cli/arguments/command-line.ts';
import { nearest } from '../../stack/nearest.ts';
import { endAll } from './agents.ts';
import { burst } from './burst.ts';
import { files } from './files.ts';
import { fullQueue } from './full-queue.ts';
import { gateway } from './gateway.ts';
import { git } from './git.ts';
import { largeOutput } from './large-output.ts';
import { memory } from './memory.ts';
import { ownShare } from './own-share.ts';
import { documentOf, sectionOf } from './report.ts';
import { runnerMemory } from './runner-memory.ts';
import { slots } from './slots.ts';
import { warmStart } from './warm-start.ts';

const ALL = [warmStart, fullQueue, ownShare, slots, burst, memory, largeOutput, files, gateway, git, runnerMemory];
const LONGEST_MINUTES = 30;
const DOCUMENT = path.join(import.meta.dirname, '..', '..', 'docs', 'benchmarks.md');

const NAMES = ALL.map(({ name }) => name);
const USAGE: Usage = {
  command: 'npm run bench',
  summary: 'Runs all benchmarks of the agent and writes docs/benchmarks.md, or runs the given ones and writes nothing.',
  positionals: { shown: '[NAME …]', name: 'name', most: NAMES.length, help: `${NAMES.join(', ')}.` },
  options: {},
};
const names = commandLine(USAGE).positionals;
const unknown = names.find((name) => !NAMES.includes(name));
if (unknown !== undefined) {
  const meant = nearest(unknown, NAMES);
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  process.stderr.write(`There is no benchmark ${unknown}.${hint}\n\n${helpOf(USAGE)}\n`);
  process.exit(2);
}

const stop = (why: string) => {
  process.stderr.write(`${why}\n`);
  void endAll().finally(() => process.exit(1));
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop(`Stopped by ${signal}.`));
setTimeout(() => stop(`Stopped after ${LONGEST_MINUTES} minutes.`), LONGEST_MINUTES * 60_000).unref();

const begun = Date.now();
const sections: string[] = [];
let missed = 0;
for (const benchmark of ALL.filter(({ name }) => names.length === 0 || names.includes(name))) {
  process.stderr.write(`${benchmark.name} …\n`);
  const figures = await benchmark.run();
  missed += figures.filter(({ met }) => met === false).length;
  const section = await sectionOf(benchmark, figures);
  sections.push(section);
  process.stdout.write(`${section}\n`);
}
if (names.length === 0) {
  writeFileSync(DOCUMENT, await documentOf(sections, { missed, minutes: (Date.now() - begun) / 60_000 }));
  process.stderr.write(`Wrote ${path.relative(process.cwd(), DOCUMENT)}.\n`);
}
if (missed > 0) process.stderr.write(`${missed === 1 ? '1 target was' : `${missed} targets were`} missed.\n`);
process.exitCode = missed > 0 ? 1 : 0;
