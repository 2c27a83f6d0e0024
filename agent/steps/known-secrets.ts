import { readFileSync, statSync } from 'node:fs';
import { jsonOf, objectOf } from '../json.ts';
import { Mask } from './mask.ts';

/** Each file is looked at again when a step is taken, but not more often than this. */
const LOOKED_AT_EVERY_MS = 1000;
const MAX_FILE_BYTES = 1_048_576;
const SECRET_NAME = /token|secret|key|password/i;

/** A file with secrets that may change while the agent runs. */
export interface SecretFile {
  readonly path: string;
  /** Finds the secrets in its text. */
  readonly read: (text: string) => string[];
}

/** The secrets that the agent knows. */
export interface SecretSources {
  readonly fixed: readonly string[];
  readonly files: readonly SecretFile[];
}

/**
 * A mask for the secrets of these sources. Files that changed are read again, and what they held before stays masked.
 * @returns the mask with what is known now. Never throws: a file that cannot be read adds nothing.
 */
export function maskOf({ fixed, files }: SecretSources): () => Mask {
  const mask = new Mask();
  mask.add(fixed);
  const versions = new Map<string, string>();
  let lookAgainAt = -Infinity;
  return () => {
    const now = performance.now();
    if (now < lookAgainAt) return mask;
    lookAgainAt = now + LOOKED_AT_EVERY_MS;
    for (const { path, read } of files) {
      const version = versionOf(path);
      if (version === undefined || version === versions.get(path)) continue;
      versions.set(path, version);
      mask.add(read(textOf(path)));
    }
    return mask;
  };
}

/** The secret that is the whole file. */
export const wholeFile = (text: string): string[] => [text.trim()];

/** The secrets in a file of a login, or the whole file if it is no JSON. */
export function secretsOfLogin(text: string): string[] {
  const value = jsonOf(text);
  return typeof value === 'object' && value !== null ? namedSecrets(value) : wholeFile(text);
}

/** The secrets in headers: their values, and the last words of those, such as the token after `Bearer`. */
export function secretsOfHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers).flatMap((value) => [value, value.split(' ').at(-1) ?? '']);
}

/** The values of variables and headers in a file with MCP servers, or with settings of claude. */
export function secretsOfConfig(text: string): string[] {
  const { env, mcpServers } = objectOf(jsonOf(text));
  const servers = Object.values(objectOf(mcpServers)).map(objectOf);
  const values = [env, ...servers.flatMap((server) => [server['env'], server['headers']])];
  return values
    .flatMap((each) => Object.values(objectOf(each)))
    .filter((value) => typeof value === 'string')
    .flatMap(withLastWord);
}

/** `Bearer SECRET` may appear without its first word. */
export const withLastWord = (value: string): string[] => [value, value.slice(value.lastIndexOf(' ') + 1)];

function namedSecrets(value: object): string[] {
  return Object.entries(value).flatMap(([name, each]: [string, unknown]) => {
    if (typeof each === 'string') return SECRET_NAME.test(name) ? [each] : [];
    return typeof each === 'object' && each !== null ? namedSecrets(each) : [];
  });
}

/** What changes when the file does; undefined if it cannot be read. */
function versionOf(path: string): string | undefined {
  try {
    const found = statSync(path);
    // A run could put a named pipe there, and reading it would block for ever.
    if (!found.isFile() || found.size > MAX_FILE_BYTES) return undefined;
    return `${found.mtimeMs}/${found.size}/${found.ino}`;
  } catch {
    return undefined;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
