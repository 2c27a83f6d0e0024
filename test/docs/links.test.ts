import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { readDocument } from './markdown.ts';

const documents = ['.', 'docs'].flatMap((folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .map((file) => path.join(folder, file)),
);

const withoutCode = (markdown: string) => markdown.replaceAll(/^( *)```[^]*?^\1```$/gm, '');

/** The fragments that exist in a document, as GitHub derives them from headings. */
function fragmentsOf(document: string): Set<string> {
  const text = withoutCode(readDocument(document));
  const slugs = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  const seen = new Map<string, number>();
  const numbered = slugs.map((slug) => {
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  return new Set([...numbered, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]);
}

/** Why a link is broken, or undefined. */
function problemOf(document: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [file = '', fragment] = link.split('#');
  const target = file === '' ? document : path.join(path.dirname(document), file);
  if (!existsSync(target)) return `${link}: ${target} does not exist`;
  if (fragment === undefined || !target.endsWith('.md')) return undefined;
  return fragmentsOf(target).has(fragment) ? undefined : `${link}: ${target} has no such heading`;
}

describe('the links', () => {
  it.each(documents)('of %s are not broken', (document) => {
    const links = [...withoutCode(readDocument(document)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    expect(links.flatMap((link) => problemOf(document, link) ?? [])).toEqual([]);
  });

  it.each(documents)('of %s and the paths that it mentions lead to existing files', (document) => {
    const named = [...readDocument(document).matchAll(/`((?:agent|stack|watchdog|scripts|test)\/[\w./-]+\.[jt]s)`/g)];
    expect(named.map(([, file = '']) => file).filter((file) => !existsSync(file))).toEqual([]);
  });

  it('are reported if they are broken', () => {
    expect(problemOf('README.md', 'docs/nowhere.md')).toBe('docs/nowhere.md: docs/nowhere.md does not exist');
    expect(problemOf('docs/api.md', '#nowhere')).toBe('#nowhere: docs/api.md has no such heading');
    expect(problemOf('docs/api.md', 'n8n.md#ask-claude-long')).toBeUndefined();
    expect(problemOf('docs/n8n.md', 'api.md#from-n8n-1')).toBeUndefined();
  });
});
