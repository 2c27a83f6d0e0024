import { readFile } from 'node:fs/promises';
import { PDF } from '../files/media-types.ts';
import type { InputFile } from '../files/run-files.ts';
import type { RemovedMedia } from './transcript.ts';

/** A part of a message of the user, as the Anthropic API knows it. */
export type ContentBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly source: Base64Source }
  | { readonly type: 'document'; readonly source: Base64Source; readonly title: string };

interface Base64Source {
  readonly type: 'base64';
  readonly media_type: string;
  readonly data: string;
}

/** A file that is a part of the prompt, or a sentence on why it is not. */
export type InlineFile = { readonly block: ContentBlock } | { readonly warning: string };

/** Where `%PDF-` must be, in bytes from the beginning. */
const PDF_HEADER_WITHIN = 1024;

/**
 * Reads a file as a part of the prompt. The CLI silently replaces an image without a readable header by a line of text, so
 * that is checked here.
 * @throws if the file cannot be read.
 */
export async function inlineFile({ name, type, path }: InputFile): Promise<InlineFile> {
  const content = await readFile(path);
  const source = { type: 'base64', media_type: type, data: content.toString('base64') } as const;
  const isReadable = type === PDF ? content.subarray(0, PDF_HEADER_WITHIN).includes('%PDF-') : await isImage(content);
  if (!isReadable) {
    return {
      warning: `The file ${JSON.stringify(name)} is not a part of the prompt, because it is no readable ${type === PDF ? 'PDF' : 'image'}. It is in the folder of the run.`,
    };
  }
  return { block: type === PDF ? { type: 'document', source, title: name } : { type: 'image', source } };
}

async function isImage(content: Buffer): Promise<boolean> {
  const { imageSize } = await import('image-size');
  try {
    const { width, height } = imageSize(content);
    return width > 0 && height > 0;
  } catch {
    // It throws for everything that it cannot read.
    return false;
  }
}

/**
 * What became of files after the API refused a request with them: the CLI sends it again without, and says which kind it was,
 * but not which file.
 * @param removed what the CLI says.
 * @param inputs that are a part of the prompt.
 */
export function removedWarnings(removed: readonly RemovedMedia[], inputs: readonly InputFile[]): string[] {
  return removed.map(({ media, reason }) => {
    const names = inputs
      .filter(({ inline, type }) => inline && (type === PDF) === (media === 'document'))
      .map(({ name }) => JSON.stringify(name));
    const what = media === 'document' ? 'a PDF' : 'an image';
    const which = names.length > 1 ? `one of ${names.join(', ')}` : (names[0] ?? 'one that Claude read itself');
    return `The API refused ${what} of the prompt (${which})${reason === undefined ? '' : `: ${reason}`}. Claude answered without it.`;
  });
}
