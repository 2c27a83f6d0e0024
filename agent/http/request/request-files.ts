import { Readable } from 'node:stream';
import { FILE_LIMITS } from '../../contract.ts';
import type { Content } from '../../files/contents.ts';
import { FileTooLargeError } from '../../files/errors.ts';
import type { FileStore } from '../../files/file-store.ts';
import { FILE_NAME, isFileName, sameName, shownName } from '../../files/file-name.ts';
import { INLINE_TYPES, PDF, typeOf } from '../../files/media-types.ts';
import type { RunFile } from '../../files/run-files.ts';
import type { RequestFile } from '../../store/run.ts';
import { FILES, REQUEST_FILE_FIELDS } from '../api/file.ts';
import type { FieldError } from '../api/problem.ts';
import { describe } from './json-body.ts';

const NAMED = 10;

/** A file that came with the request, in a part of its own. */
export interface FilePart extends Content {
  readonly name: string;
  readonly type: string;
}

/** Where a request comes from. */
export interface RequestSource {
  /** The name of its caller. */
  readonly caller: string;
  /** Files that came with it. */
  readonly parts: readonly FilePart[];
}

/** A file of a request, checked: its content is stored already, or in the request. */
export interface AskedFile {
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly inline: boolean;
  /** The hash of a content that is stored, or one that is not. */
  readonly source: Pick<Content, 'sha256'> | { readonly content: Buffer };
  /** What the content's hash must be, if the client said it. */
  readonly expected: string | undefined;
}

/** The files of a request, or what is wrong with them. */
export type AskedFiles = { readonly files: readonly AskedFile[] } | { readonly errors: readonly FieldError[] };

/**
 * Checks `files` of a request, and the parts that came with it.
 * @param value of the field; of any type.
 */
export function askedFiles(value: unknown, { parts, caller }: RequestSource, store: FileStore): AskedFiles {
  if (value !== undefined && !Array.isArray(value)) return wrong([`must be ${FILES}; it is ${describe(value)}`]);
  const entries = (value ?? []) as readonly unknown[];
  const unnamed = new Map(parts.map((part) => [part.name, part]));
  const again = parts.filter((part) => unnamed.get(part.name) !== part);
  if (entries.length > FILE_LIMITS.files) return wrong([`must be ${FILES}; it has ${entries.length}`]);
  const mistakes: string[] = [];
  const files = entries.flatMap((entry, at) => {
    const found = askedFile(entry, unnamed, (fileId) => store.find(fileId, caller));
    if (typeof found !== 'string') return [found];
    mistakes.push(`item ${at + 1}${named(entry)} ${found}`);
    return [];
  });
  for (const { name, type, bytes, sha256 } of [...unnamed.values(), ...again]) {
    const mistake = nameMistake(name);
    if (mistake === undefined)
      files.push({ name, type, bytes, source: { sha256 }, inline: false, expected: undefined });
    else mistakes.push(`the part named ${shownName(name)} ${mistake}`);
  }
  if (files.length > FILE_LIMITS.files) return wrong([`must be ${FILES}; there are ${files.length} with the parts`]);
  mistakes.push(...doubles(files), ...sizeMistakes(files, store));
  return mistakes.length > 0 ? wrong(mistakes) : { files };
}

/**
 * Stores the contents that are in the request, and holds all of them.
 * @throws {FilesFullError} and whatever the disk throws.
 */
export async function storeAsked(
  asked: readonly AskedFile[],
  store: FileStore,
): Promise<{
  readonly files: readonly RequestFile[];
  readonly errors: readonly FieldError[];
  readonly release: () => void;
}> {
  // At once: an upload may expire while another content is stored.
  const releases = asked.flatMap(({ source }) => ('sha256' in source ? [store.hold(source)] : []));
  const release = () => releases.forEach((each) => each());
  const receive = async (name: string, content: Buffer) => {
    const held = await store.receive(Readable.from([content]), name);
    releases.push(held.release);
    return held;
  };
  const files: RequestFile[] = [];
  const mistakes: string[] = [];
  try {
    for (const { name, type, bytes, inline, source, expected } of asked) {
      const { sha256 } = 'sha256' in source ? source : await receive(name, source.content);
      files.push({ name, bytes, sha256, type, inline });
      if (expected !== undefined && expected !== sha256)
        mistakes.push(`must have contents with their \`sha256\`; that of ${shownName(name)} is ${sha256}`);
    }
  } catch (error) {
    release();
    throw error;
  }
  return { files, errors: mistakes.length > 0 ? wrong(mistakes).errors : [], release };
}

/** @returns the file, or what is wrong with the entry. */
function askedFile(entry: unknown, parts: Map<string, FilePart>, find: FindUpload): AskedFile | string {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    return `must be an object; it is ${describe(entry)}`;
  const { name: own, fileId, base64, inline = false, bytes, sha256, type: ownType } = entry as Record<string, unknown>;
  const unknown = Object.keys(entry).find((field) => !REQUEST_FILE_FIELDS.includes(field));
  if (unknown !== undefined)
    return `has an unknown field ${shownName(unknown)}; the fields are ${REQUEST_FILE_FIELDS.join(', ')}`;
  if (own !== undefined && typeof own !== 'string')
    return `must have a \`name\` that is a string; it is ${describe(own)}`;
  if (typeof inline !== 'boolean') return `must have \`inline\` true or false; it is ${describe(inline)}`;
  if (fileId !== undefined && base64 !== undefined) return 'has both `fileId` and `base64`; it must have one of them';
  const source = sourceOf(own, fileId, base64, parts, find);
  if (typeof source === 'string') return source;
  const name = own ?? source.name;
  const type = typeOf(name, typeof ownType === 'string' ? ownType : source.type);
  const mistake = nameMistake(name) ?? inlineMistake(inline, type);
  if (mistake !== undefined) return mistake;
  if (bytes !== undefined && bytes !== source.bytes)
    return `must have its size in \`bytes\`, ${source.bytes}; it is ${describe(bytes)}`;
  const known = 'sha256' in source ? source.sha256 : undefined;
  if (sha256 !== undefined && (typeof sha256 !== 'string' || (known !== undefined && sha256.toLowerCase() !== known))) {
    return `must have the hash of its content in \`sha256\`${known === undefined ? '' : `, ${known}`}; it is ${describe(sha256)}`;
  }
  return { name, type, bytes: source.bytes, inline, source, expected: sha256?.toLowerCase() };
}

type FindUpload = (fileId: string) => RunFile | undefined;
type Source = AskedFile['source'] & Pick<AskedFile, 'name' | 'bytes'> & { readonly type?: string };

function sourceOf(
  name: string | undefined,
  fileId: unknown,
  base64: unknown,
  parts: Map<string, FilePart>,
  find: FindUpload,
): Source | string {
  if (fileId !== undefined) {
    const upload = typeof fileId === 'string' ? find(fileId) : undefined;
    return (
      upload ??
      `has a \`fileId\` that names no file, ${describe(fileId)}; uploads can be used for 24 hours. Send it again with PUT /files`
    );
  }
  if (base64 !== undefined) {
    if (name === undefined) return 'must have a `name`, because it has `base64`';
    const content = typeof base64 === 'string' ? contentOf(base64) : undefined;
    return content
      ? { name, bytes: content.length, content }
      : `must have \`base64\` with padding and nothing else; it is ${typeof base64 === 'string' ? `a string of ${base64.length}` : describe(base64)}`;
  }
  const part = name === undefined ? undefined : parts.get(name);
  if (!part) return 'must have a `fileId` or `base64`, or the name of a part of a multipart request';
  parts.delete(part.name);
  return part;
}

/** Undefined if it is no base64 of RFC 4648. */
function contentOf(base64: string): Buffer | undefined {
  const content = Buffer.from(base64, 'base64');
  return content.toString('base64') === base64 ? content : undefined;
}

/** What is wrong with the name of a file, to follow it in a sentence. */
function nameMistake(name: string): string | undefined {
  return isFileName(name) ? undefined : `must have ${FILE_NAME} in \`name\`; it is ${shownName(name)}`;
}

function inlineMistake(inline: boolean, type: string): string | undefined {
  return inline && !INLINE_TYPES.includes(type)
    ? `cannot be \`inline\`, because its type is ${type}; possible are ${INLINE_TYPES.join(', ')}`
    : undefined;
}

function doubles(files: readonly AskedFile[]): string[] {
  const byName = Map.groupBy(files, ({ name }) => sameName(name));
  return [...byName.values()]
    .filter(({ length }) => length > 1)
    .map(
      (same) =>
        `must have different names, also in another case; ${shownName(same[0]?.name ?? '')} is there ${same.length} times`,
    );
}

function sizeMistakes(files: readonly AskedFile[], { sizes }: FileStore): string[] {
  const pdfBytes = files.reduce((sum, { inline, type, bytes }) => sum + (inline && type === PDF ? bytes : 0), 0);
  const tooLarge = files.find(({ bytes }) => bytes > sizes.fileBytes);
  if (tooLarge) throw new FileTooLargeError(sizes, tooLarge.name);
  if (files.reduce((sum, { bytes }) => sum + bytes, 0) > sizes.runBytes) throw new FileTooLargeError(sizes);
  return pdfBytes > FILE_LIMITS.inlinePdfBytes
    ? [`must have PDFs of at most ${FILE_LIMITS.inlinePdfBytes} bytes together with \`inline\`; there are ${pdfBytes}`]
    : [];
}

const named = (entry: unknown) => {
  const name = typeof entry === 'object' && entry !== null ? (entry as { name?: unknown }).name : undefined;
  return typeof name === 'string' ? `, ${shownName(name)},` : '';
};

function wrong(mistakes: readonly string[]): { errors: FieldError[] } {
  const more = mistakes.length > NAMED ? [`and ${mistakes.length - NAMED} more`] : [];
  const field = 'files';
  return { errors: [{ field, message: `\`${field}\`: ${[...mistakes.slice(0, NAMED), ...more].join('; ')}.` }] };
}
