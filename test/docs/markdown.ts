import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A shell command of a document, and the JSON response that follows it. */
export interface Example {
  readonly command: string;
  readonly answer?: unknown;
}

/** Reads a document by its path from the root of the repository. */
export function readDocument(file: string): string {
  return readFileSync(path.join(import.meta.dirname, '..', '..', file), 'utf8');
}

/** The shell commands of a document, in order. */
export function examplesIn(markdown: string): Example[] {
  const blocks = [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text = '']) => ({
    language,
    text,
  }));
  return blocks.flatMap(({ language, text }, i) => {
    if (language !== 'sh') return [];
    const next = blocks[i + 1];
    return [{ command: text, ...(next?.language === 'json' && { answer: JSON.parse(next.text) as unknown }) }];
  });
}

/** The rows of the table whose head starts with these columns. Cells are raw Markdown. */
export function tableIn(markdown: string, ...head: readonly string[]): string[][] {
  const tables = markdown.split('\n\n').map((part) => part.split('\n').filter((line) => line.startsWith('|')));
  const rows = tables.map((lines) =>
    lines.map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    ),
  );
  const found = rows.find(([first]) => head.every((name, i) => first?.[i] === name));
  if (!found) throw new Error(`There is no table with the columns ${head.join(', ')}.`);
  return found.slice(2);
}
