import { realpathSync } from 'node:fs';
import { AGENT_ENV, type AuthMode } from '../../contract.ts';
import { isFileError, readOwnFile, writeOwnFile } from '../../workspace/own-files.ts';
import type { CredentialSource } from '../credential.ts';
import type { Custody } from '../custody.ts';
import { jsonOf, objectOf } from '../../json.ts';

/** The login that a new one replaces. */
export interface LoginTarget {
  /** Why no new login can be made, and what to do instead; undefined if one can. */
  readonly problem: string | undefined;
  /** The file of the person whose login would be replaced; undefined if the login is the agent's own. */
  readonly personsFile: string | undefined;
  /**
   * Replaces the login.
   * @param login the text of a login file.
   * @param accountUuid of its account, if known.
   * @throws if it cannot be written; the earlier login may then be in use, or the new one, but never a part of one.
   */
  replace(login: string, accountUuid: string | undefined): void;
}

/** What {@link loginTarget} needs. */
export interface LoginTargetParts {
  readonly authMode: AuthMode;
  readonly credential: Pick<CredentialSource, 'source' | 'remedy'>;
  /** Of the agent's own login; undefined if the login belongs to a person. */
  readonly custody: Custody | undefined;
  /** Whether processes are on runners, which never use the login of a person. */
  readonly onRunners: boolean;
  readonly platform?: NodeJS.Platform;
}

/** The login that the settings select. */
export function loginTarget(parts: LoginTargetParts): LoginTarget {
  const { credential, custody, platform = process.platform } = parts;
  const own = custody?.login && custody;
  return {
    problem: problemOf(parts, platform),
    personsFile: own ? undefined : credential.source,
    replace(login, accountUuid) {
      if (own) own.replaceLogin((before) => withLogin(before, login), accountUuid);
      else replaceIn(credential.source, login);
    },
  };
}

function problemOf(parts: LoginTargetParts, platform: NodeJS.Platform): string | undefined {
  const { authMode, credential, custody, onRunners } = parts;
  if (authMode !== 'session') {
    return `The agent uses no login: its auth mode is ${authMode}. ${credential.remedy}`;
  }
  if (platform === 'darwin') {
    return 'On a Mac, claude keeps its login in the Keychain, where the agent cannot replace it. Run `npx claude auth login`.';
  }
  if (onRunners && !custody?.login) {
    return `Runners use only a login of the agent's own. Set ${AGENT_ENV.sessionDir} to a folder with a login, and restart the agent.`;
  }
  return undefined;
}

/** Follows links: a person may keep the file elsewhere. */
function replaceIn(file: string, login: string): void {
  const real = realPathOf(file);
  writeOwnFile(real, withLogin(readOwnFile(real)?.toString('utf8'), login));
}

function realPathOf(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if (isFileError(error) && error.code === 'ENOENT') return file;
    throw error;
  }
}

/** A login file with a new login. The CLI keeps the tokens of MCP servers in the same file. */
function withLogin(before: string | undefined, login: string): string {
  return JSON.stringify({ ...objectOf(jsonOf(before ?? '')), ...objectOf(jsonOf(login)) });
}
