/**
 * `npm run docs` writes the tables of the docs that are made from the sources; the text around them is left alone. With
 * `--check` it says whether they are up to date, and changes nothing.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

import * as prettier from 'prettier';

import { commandLine } from './command.ts';
import { agentTable, limitsTable, stackTables, watchdogTable } from './configuration-tables.ts';

const line = commandLine({
  command: 'npm run docs',
  summary: 'Writes the tables of the documents that are made from the sources.',
  options: { check: { help: 'Only says whether they are up to date.' } },
});
const projectDir = path.resolve(import.meta.dirname, '..');

/** What is between each pair of marks on a page, in their order. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  'docs/configuration.md': [stackTables(projectDir), agentTable()],
  'docs/api.md': [limitsTable()],
  'docs/watchdog.md': [watchdogTable()],
};
const MARKED = /(<!-- Begin: .* -->\n)[^]*?(<!-- End -->)/g;

for (const [page, tables] of Object.entries(PAGES)) {
  const file = path.join(projectDir, page);
  const before = readFileSync(file, 'utf8');
  const after = await filled(file, before, tables);
  if (after === before) continue;
  if (line.has('check')) {
    process.stderr.write(`${page} is not what its sources say. Mend it: npm run docs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, after);
    process.stdout.write(`${page}: written.\n`);
  }
}

async function filled(file: string, text: string, tables: readonly string[]): Promise<string> {
  const marks = text.match(MARKED)?.length ?? 0;
  if (marks !== tables.length) throw new Error(`${file} has ${marks} pairs of marks, not ${tables.length}.`);
  let at = 0;
  const next = text.replace(MARKED, (_all, begin: string, end: string) => `${begin}\n${tables[at++] ?? ''}\n\n${end}`);
  return prettier.format(next, { ...(await prettier.resolveConfig(file)), filepath: file });
}
