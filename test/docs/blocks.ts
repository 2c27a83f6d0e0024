import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

import { readDocument } from './markdown.ts';

const pattern = z.string().transform((source, context) => {
  try {
    return new RegExp(source, 'm');
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const run = z.strictObject({
  /** The name that the end-to-end test uses; unique in all documents. */
  step: z.string().regex(/^[a-z0-9-]+$/),
  /** Patterns that its output must match, each within one line or across several. */
  prints: z
    .union([pattern, z.array(pattern)])
    .default([])
    .transform((patterns) => [patterns].flat()),
  /** Text that readers replace with their own value, and the name of the test's value for it. */
  with: z.record(z.string(), z.string()).default({}),
  /** What to type when it prints a text. The block then runs in a terminal. */
  answers: z.record(z.string(), z.string()).optional(),
  /** Whether it keeps running until the next block has ended. */
  background: z.boolean().default(false),
  /** The machine to run it on, if it is not the first one. */
  on: z.string().optional(),
});

/** The comment before a block of commands, which defines how the block is run. */
export const tag = z.union([
  /** The end-to-end test runs it. */
  z.strictObject({ e2e: z.union([z.string().transform((step) => run.parse({ step })), run]) }),
  /** Nothing runs it, for this reason. */
  z.strictObject({ 'by-hand': z.string().min(10) }),
  /** That document runs each of its commands. */
  z.strictObject({ 'runs-in': z.string().regex(/\.md$/) }),
]);

export type Tag = z.infer<typeof tag>;

/** How a block is run; see {@link tag}. */
export type Run = z.infer<typeof run>;

/** A fenced block of a document. */
export interface Block {
  /** Path from the root of the repository, and line of the fence: docs/operations.md:12. */
  readonly at: string;
  readonly document: string;
  readonly language: string;
  /** As the reader copies it, without the indentation of a list. */
  readonly text: string;
  /** The nearest heading above it. */
  readonly heading: string;
  /** The content of the comment right before it, if there is one. */
  readonly comment: string | undefined;
}

/** Languages of blocks that contain no commands. */
const DATA = new Set(['json', 'yaml', 'text', 'mermaid']);

/** An invalid block. The message starts with its place. */
export class BlockError extends Error {
  override readonly name = 'BlockError';
}

/** The blocks of commands of a document by its path from the root of the repository. */
export const commandBlocks = (document: string): Block[] => blocksIn(readDocument(document), document);

/**
 * The blocks of commands in Markdown, in order.
 * @throws BlockError for a fence without a language, or one that is not closed.
 */
export function blocksIn(markdown: string, document: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  let heading = '';
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i] ?? '';
    heading = /^#+ (.*)/.exec(line)?.[1] ?? heading;
    const [, indent = '', language] = /^( *)```(.*)$/.exec(line) ?? [];
    if (language === undefined) continue;
    const at = `${document}:${i + 1}`;
    const end = lines.indexOf(`${indent}\`\`\``, i + 1);
    if (end === -1) throw new BlockError(`${at}: the block is not closed.`);
    if (!/^[a-z]+$/.test(language))
      throw new BlockError(`${at}: the block has no language, for example sh, powershell or json.`);
    const text = lines.slice(i + 1, end).map((inner) => `${inner.slice(indent.length)}\n`);
    if (!DATA.has(language)) {
      blocks.push({ at, document, language, text: text.join(''), heading, comment: commentAbove(lines, i) });
    }
    i = end;
  }
  return blocks;
}

function commentAbove(lines: readonly string[], fence: number): string | undefined {
  let end = fence - 1;
  while (lines[end]?.trim() === '') end -= 1;
  if (!lines[end]?.trimEnd().endsWith('-->')) return undefined;
  let begin = end;
  while (begin > 0 && !lines[begin]?.includes('<!--')) begin -= 1;
  return /<!--([^]*)-->/.exec(lines.slice(begin, end + 1).join('\n'))?.[1]?.trim();
}

/**
 * The {@link tag} of a block.
 * @throws BlockError if the block has no comment before it, or if the comment is not a valid tag.
 */
export function tagOf({ at, comment }: Block): Tag {
  const how = 'Put <!-- e2e: … -->, <!-- by-hand: REASON --> or <!-- runs-in: DOCUMENT --> before it';
  if (comment === undefined) throw new BlockError(`${at}: the block has no tag. ${how} (test/docs/blocks.ts).`);
  try {
    return tag.parse(parseYaml(comment));
  } catch (error) {
    throw new BlockError(
      `${at}: ${comment} is not a valid tag: ${(error as Error).message} ${how} (test/docs/blocks.ts).`,
    );
  }
}

/** A block that the end-to-end test runs. */
export interface Step extends Block, Run {}

/** The blocks of documents that the end-to-end test runs, in order. */
export function stepsOf(documents: readonly string[]): Step[] {
  return documents.flatMap(commandBlocks).flatMap((block) => {
    const found = tagOf(block);
    return 'e2e' in found ? [{ ...block, ...found.e2e }] : [];
  });
}

/** The commands of a block without comments, one per line. Continued lines are joined. */
export function commandsOf({ text }: Pick<Block, 'text'>): string[] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/(^|\s)# .*$/, '').trim())
    .filter((line) => line !== '');
}
