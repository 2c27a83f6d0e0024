import { readFileSync } from 'node:fs';
import path from 'node:path';

import { format, resolveConfig } from 'prettier';

import { agentTable, limitsTable, stackTables, watchdogTable } from './configuration-tables.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const MARKED = /(<!-- Begin: .* -->\n)[^]*?(<!-- End -->)/g;

/** The content between each pair of marks on a page, in order. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  'docs/configuration.md': [stackTables(ROOT), agentTable()],
  'docs/api.md': [limitsTable()],
  'docs/watchdog.md': [watchdogTable()],
};

/** The pages with tables that are generated from the sources; the text around the tables stays. @throws if marks are missing */
export async function pagesWithTables(): Promise<Record<string, string>> {
  const pages = Object.entries(PAGES).map(async ([page, tables]) => [page, await withTables(page, tables)] as const);
  return Object.fromEntries(await Promise.all(pages));
}

async function withTables(page: string, tables: readonly string[]): Promise<string> {
  const filepath = path.join(ROOT, page);
  const text = readFileSync(filepath, 'utf8');
  const marks = text.match(MARKED)?.length ?? 0;
  if (marks !== tables.length) throw new Error(`${page} has ${marks} pairs of marks, not ${tables.length}.`);
  const next = tables[Symbol.iterator]();
  const filled = text.replace(MARKED, (_all, begin: string, end: string) => {
    return `${begin}\n${next.next().value ?? ''}\n\n${end}`;
  });
  return format(filled, { ...(await resolveConfig(filepath)), filepath });
}
