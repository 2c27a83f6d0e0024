import { rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Log } from './log.ts';
import { Custody } from './login/custody.ts';
import { npmRun, sessionCredential, variableCredential, type CredentialSource } from './login/credential.ts';
import { federatedCredential } from './login/federation.ts';
import { AGENT_ENV, CREDENTIAL_VARIABLES, FEDERATION_CACHE_FOLDER, SESSION_FOLDER } from './contract.ts';
import type { Settings } from './settings.ts';

/** The credential that the settings choose. */
export function chooseCredential(settings: Settings): CredentialSource {
  const { authMode, credentialFile, environment, federation, stack, stateDir } = settings;
  const configDir = configDirOf(settings);
  // The CLI leaves one file for each identity token it exchanged, and removes none.
  const cacheDir = path.join(stateDir, FEDERATION_CACHE_FOLDER);
  rmSync(cacheDir, { recursive: true, force: true });
  if (federation !== undefined) return federatedCredential(federation, cacheDir, configDir);
  if (authMode === 'oauthToken' || authMode === 'apiKey') {
    return variableCredential(authMode, credentialFile, environment[CREDENTIAL_VARIABLES[authMode]], configDir, stack);
  }
  return sessionCredential(configDir, homeOf(settings), loginRemedy(settings));
}

/** How one gets a login: in the stack, or on this machine, where another credential may lie about. */
function loginRemedy({ sessionDir, environment, stack }: Settings): string {
  if (sessionDir !== undefined) return `Run \`${npmRun(stack, 'login')}\` and then \`${npmRun(stack, 'up')}\`.`;
  const others = Object.entries(CREDENTIAL_VARIABLES).filter(([, variable]) => environment[variable]);
  return [
    'Log in with `npx claude auth login`. The next run uses that login.',
    ...others.map(([mode, variable]) => `To use ${variable} instead, start with ${AGENT_ENV.authMode}=${mode}.`),
  ].join(' ');
}

/**
 * Takes custody of what of Claude's configuration is the agent's own. A login that is used in place is a person's, and so
 * is what lies beside it; so is a home folder outside of the state.
 */
export function custodyOf(settings: Settings, log: Log): Custody | undefined {
  const { authMode, sessionDir: seedDir, stateDir, workspaceDir } = settings;
  if (seedDir === undefined && authMode === 'session') return undefined;
  const dir = configDirOf(settings);
  const configDir = dir !== undefined && isInside(dir, stateDir) ? dir : undefined;
  const holds = (folder: string | undefined) => folder !== undefined && isInside(folder, homeOf(settings));
  const isOwnHome = isInside(homeOf(settings), stateDir) && !holds(workspaceDir) && !holds(dir);
  const home = isOwnHome ? homeOf(settings) : undefined;
  return configDir === undefined && home === undefined
    ? undefined
    : new Custody({ stateDir, configDir, home, seedDir }, log);
}

/** With a seed the session lives in the state folder; without one the operator's own is used in place. */
export function configDirOf({ sessionDir, stateDir, environment }: Settings): string | undefined {
  return sessionDir === undefined ? environment['CLAUDE_CONFIG_DIR'] : path.join(stateDir, SESSION_FOLDER);
}

/** On a pod's empty volume the home folder is not there yet; claude needs one it can write to. */
export function homeOf(settings: Settings): string {
  return settings.environment['HOME'] ?? homedir();
}
/** Whether a path is below a folder. */
export function isInside(folder: string, parent: string): boolean {
  const relative = path.relative(parent, folder);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}
