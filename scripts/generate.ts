/**
 * `npm run generate`: writes everything in `docs` that is generated from the sources. With `--check` it reports what
 * is out of date and changes nothing; pictures are not compared, because fonts and browsers draw them differently.
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { commandLine, namedParts } from './command.ts';

/** The generators, each loaded only when it is needed. */
const TEXTS = {
  openapi: async () => (await import('./generate/openapi.ts')).openApiFile(),
  tables: async () => (await import('./generate/tables.ts')).pagesWithTables(),
} as const;
const PICTURES = {
  cards: async () => (await import('./generate/cards.ts')).drawCards(),
  workflows: async () => (await import('./generate/workflows.ts')).drawWorkflows(),
  screenshots: async () => (await import('./generate/screenshots.ts')).takeScreenshots(),
} as const;
type Text = keyof typeof TEXTS;
type Picture = keyof typeof PICTURES;
const NAMES = [...(Object.keys(TEXTS) as Text[]), ...(Object.keys(PICTURES) as Picture[])];

const usage = {
  command: 'npm run generate',
  summary: 'Writes what is generated in docs.',
  positionals: {
    shown: '[PART…]',
    name: 'part',
    most: NAMES.length,
    help: `What to generate: ${NAMES.join(', ')}; everything by default. Pictures need Chromium, workflows also n8n.`,
  },
  options: { check: { help: 'Reports which texts are out of date, and changes nothing.' } },
};
const line = commandLine(usage);
const root = path.resolve(import.meta.dirname, '..');

for (const part of namedParts(usage, line, NAMES)) {
  if (part in TEXTS) await text(part as Text);
  else if (!line.has('check')) await PICTURES[part as Picture]();
}

async function text(part: Text): Promise<void> {
  for (const [file, content] of Object.entries(await TEXTS[part]())) {
    const absolute = path.join(root, file);
    if (existsSync(absolute) && readFileSync(absolute, 'utf8') === content) continue;
    if (line.has('check')) {
      process.stderr.write(`${file} is out of date. Run: npm run generate -- ${part}\n`);
      process.exitCode = 1;
    } else {
      writeFileSync(absolute, content);
      process.stdout.write(`Wrote ${file}.\n`);
    }
  }
}
