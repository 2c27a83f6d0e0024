import { npmRun } from '../next-command.ts';
import { SeedError } from './files.ts';

interface Login {
  readonly accessToken?: unknown;
  readonly refreshToken?: unknown;
  /** Of the access token, in milliseconds since 1970; each renewal sets a later one. */
  readonly expiresAt?: unknown;
}

/**
 * @param file Its path, for the message.
 * @throws SeedError when the content is not JSON or contains no login. The content is never part of the message.
 */
export function checkCredentials(file: string, content: Buffer): void {
  const fix = `Log in again: \`${npmRun('login')}\`.`;
  const parsed = parse(content);
  if (parsed === undefined) throw new SeedError(`${file} is not JSON. ${fix}`);
  const { accessToken, refreshToken } = loginOf(parsed);
  if (!isText(accessToken) && !isText(refreshToken)) {
    throw new SeedError(`${file} contains no login (no token in claudeAiOauth). ${fix}`);
  }
}

/** When the access token expires, in milliseconds since 1970; undefined if the content has no time. */
export function expiryOf(content: Buffer): number | undefined {
  const { expiresAt } = loginOf(parse(content));
  return typeof expiresAt === 'number' && Number.isFinite(expiresAt) ? expiresAt : undefined;
}

/** Whether a login can be renewed without a person. */
export const isRenewable = (content: Buffer): boolean => isText(loginOf(parse(content)).refreshToken);

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';

function loginOf(parsed: unknown): Login {
  const login: unknown = (parsed as { claudeAiOauth?: unknown } | null | undefined)?.claudeAiOauth;
  return typeof login === 'object' && login !== null ? login : {};
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString());
  } catch {
    return undefined;
  }
}
