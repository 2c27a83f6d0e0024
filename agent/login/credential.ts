import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { ClaudeCredential } from '../claude/claude.ts';
import { CREDENTIAL_VARIABLES, CREDENTIALS_FILE } from '../contract.ts';
import { isFileError } from '../workspace/own-files.ts';

/** Where the credential of Claude Code is, and how a process gets it. Never contains a session's tokens. */
export interface CredentialSource extends ClaudeCredential {
  /** For people: the file or the variable that holds the credential. */
  readonly source: string;
  /** What is known without asking Anthropic. */
  status(): CredentialStatus;
}

/** What a credential says about itself. Never contains its value. */
export interface CredentialStatus {
  readonly present: boolean;
  /** When the access token expires, ISO 8601; the CLI refreshes it before. Undefined for tokens and keys without this date. */
  readonly expiresAt?: string;
  /** Whether the CLI can renew it automatically. */
  readonly refreshable: boolean;
  /** Changes whenever the credential does. */
  readonly version: string;
  /** Why there is none. */
  readonly problem?: string;
}

const login = z.object({
  claudeAiOauth: z.object({
    accessToken: z.string(),
    refreshToken: z.string().nullish(),
    expiresAt: z.number().nullish(),
  }),
});

/** The login of a Claude configuration folder. */
export interface Login {
  /** Milliseconds since the epoch; undefined if the file contains no valid time. */
  readonly expiresAt: number | undefined;
  readonly refreshable: boolean;
  /** Changes when the tokens do. Not secret. */
  readonly version: string;
}

/**
 * Reads the login from the text of a `.credentials.json`.
 * @returns undefined if it contains none: the CLI empties the tokens of a login that can no longer be renewed.
 * @throws {SyntaxError} if the text is not JSON.
 */
function parseLogin(text: string): Login | undefined {
  const parsed = login.safeParse(JSON.parse(text));
  if (!parsed.success || parsed.data.claudeAiOauth.accessToken === '') return undefined;
  const { accessToken, expiresAt, refreshToken } = parsed.data.claudeAiOauth;
  const isKnown = typeof expiresAt === 'number' && isTime(expiresAt);
  return {
    expiresAt: isKnown ? expiresAt : undefined,
    refreshable: Boolean(refreshToken),
    version: createHash('sha256').update(`${accessToken} ${refreshToken}`).digest('hex'),
  };
}

/** Whether a `Date` can represent this number of milliseconds since the epoch: at most 8.64e15. */
export function isTime(ms: number): boolean {
  return !Number.isNaN(new Date(ms).getTime());
}

/**
 * Identifies a credential beyond the life of a process. A token or a key keeps its identity when its file is written again; a
 * session gets another one whenever its tokens are renewed. Not secret. Never throws because of a file.
 */
export function identityOf(credential: CredentialSource): string {
  return createHash('sha256')
    .update(`${credential.mode} ${valueOf(credential)}`)
    .digest('hex');
}

function valueOf(credential: CredentialSource): string {
  try {
    const { present, version } = credential.status();
    return credential.mode === 'session' || !present ? version : JSON.stringify(credential.environment());
  } catch (error) {
    if (isFileError(error)) return 'unreadable';
    throw error;
  }
}

/** The login in the text of a `.credentials.json`; undefined if it contains none or is not JSON. */
export function loginIn(text: string): Login | undefined {
  try {
    return parseLogin(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * The login in a Claude configuration folder, where the CLI refreshes it.
 * @param configDir the folder; undefined for the CLI's default in `home`.
 * @param platform on macOS the CLI keeps the login in the Keychain, where only the CLI can read it.
 */
export function sessionCredential(
  configDir: string | undefined,
  home: string,
  remedy: string,
  platform: NodeJS.Platform = process.platform,
): CredentialSource {
  const file = path.join(configDir ?? path.join(home, '.claude'), CREDENTIALS_FILE);
  const isInKeychain = () => platform === 'darwin' && !statSync(file, { throwIfNoEntry: false });
  return {
    mode: 'session',
    source: file,
    remedy,
    // The CLI finds it in its configuration folder.
    environment: () => ({}),
    status: () => {
      if (isInKeychain()) return { present: true, refreshable: true, version: 'keychain' };
      const { problem, ...status } = sessionStatus(file);
      return { ...status, ...(problem !== undefined && { problem: `No login: ${problem}. ${remedy}` }) };
    },
  };
}

function sessionStatus(file: string): CredentialStatus {
  const absent = (problem: string, version = 'none') => ({ present: false, refreshable: false, version, problem });
  let text: string;
  let version: string;
  try {
    const stats = statSync(file);
    version = `${stats.mtimeMs}/${stats.size}`;
    // A run could put a named pipe there, and reading it would block for ever.
    if (!stats.isFile()) return absent(`${file} is not a file`, version);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return absent(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  try {
    const found = parseLogin(text);
    if (!found) return absent(`${file} contains no login`, version);
    return {
      present: true,
      refreshable: found.refreshable,
      // A login that is marked as expired is still the same one.
      version: found.version,
      ...(found.expiresAt !== undefined && { expiresAt: new Date(found.expiresAt).toISOString() }),
    };
  } catch {
    return absent(`${file} is not JSON`, version);
  }
}

/**
 * A long-lived token or an API key, passed in an environment variable.
 * @param file holds the value; read again for each process, so that a rotated Secret needs no restart.
 * @param value the value, if there is no file.
 */
export function variableCredential(
  mode: keyof typeof CREDENTIAL_VARIABLES,
  file: string | undefined,
  value: string | undefined,
  stack?: string,
): CredentialSource {
  const variable = CREDENTIAL_VARIABLES[mode];
  const read = () => (file === undefined ? (value ?? '') : readFileSync(file, 'utf8').trim());
  return {
    mode,
    source: file ?? variable,
    remedy: remedyFor(mode, file, stack),
    environment: () => ({ [variable]: read() }),
    status: () => {
      const version = file === undefined ? 'fixed' : String(statSync(file, { throwIfNoEntry: false })?.mtimeMs);
      try {
        if (read() !== '') return { present: true, refreshable: false, version };
        return { present: false, refreshable: false, version, problem: `${file ?? variable} is empty` };
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
        return { present: false, refreshable: false, version, problem: `${file ?? variable} cannot be read (${code})` };
      }
    },
  };
}

/**
 * A command of this repository as you type it.
 * @param stack the stack that it concerns; the default stack is omitted.
 */
export function npmRun(stack: string | undefined, name: string, args = ''): string {
  const all = [args, stack === undefined || stack === 'dev' ? '' : `--stack ${stack}`].filter(Boolean).join(' ');
  return `npm run ${name}${all === '' ? '' : ` -- ${all}`}`;
}

function remedyFor(
  mode: keyof typeof CREDENTIAL_VARIABLES,
  file: string | undefined,
  stack: string | undefined,
): string {
  const what =
    mode === 'oauthToken'
      ? 'Create a new token with `npx claude setup-token`'
      : 'Create a new key in the Claude Console (https://platform.claude.com)';
  if (file === undefined) return `${what}, and restart the agent with it in ${CREDENTIAL_VARIABLES[mode]}.`;
  return stack === undefined
    ? `${what}, and put it into ${file}.`
    : `${what}, and put it into ${file}. In a stack, run \`${npmRun(stack, 'pulumi', 'config set --secret claudeToken')}\` and \`${npmRun(stack, 'up')}\`.`;
}
