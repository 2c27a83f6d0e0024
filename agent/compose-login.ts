import { rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { isInside } from './is-inside.ts';
import type { Log } from './log.ts';
import { ConversationStore } from './conversations/store.ts';
import { Configurations, type Admission } from './login/configurations.ts';
import { PINNED_CLAUDE } from './claude/pinned.ts';
import type { ProcessTrace } from './claude/process-trace.ts';
import { Custody } from './login/custody.ts';
import { npmRun, sessionCredential, variableCredential, type CredentialSource } from './login/credential.ts';
import { federatedCredential } from './login/federation.ts';
import { LoginAttempts, type LoginAttemptsParts } from './login/new-login/login-attempts.ts';
import { loginTarget } from './login/new-login/login-target.ts';
import { loginTrial } from './runs/login-trial.ts';
import { AGENT_ENV, CREDENTIAL_VARIABLES, FEDERATION_CACHE_FOLDER, SESSION_FOLDER } from './contract.ts';
import type { Settings } from './settings.ts';

/** The credential that the settings select. */
export function chooseCredential(settings: Settings): CredentialSource {
  const { authMode, credentialFile, environment, federation, stack, stateDir } = settings;
  // The CLI leaves one file for each identity token that it exchanges, and never removes them.
  const cacheDir = path.join(stateDir, FEDERATION_CACHE_FOLDER);
  rmSync(cacheDir, { recursive: true, force: true });
  if (federation !== undefined) return federatedCredential(federation, cacheDir);
  if (authMode === 'oauthToken' || authMode === 'apiKey') {
    return variableCredential(authMode, credentialFile, environment[CREDENTIAL_VARIABLES[authMode]], stack);
  }
  return sessionCredential(configDirOf(settings), homeOf(settings), loginRemedy(settings));
}

/** How to log in: in the stack, in a container without one, or on this machine, where another credential may be set. */
function loginRemedy({ sessionDir, environment, stack }: Settings): string {
  if (sessionDir !== undefined && stack === undefined) {
    return `Log in on the status page, or put a login into ${sessionDir} and restart the agent.`;
  }
  if (sessionDir !== undefined) return `Run \`${npmRun(stack, 'login')}\` and then \`${npmRun(stack, 'up')}\`.`;
  const others = Object.entries(CREDENTIAL_VARIABLES).filter(([, variable]) => environment[variable]);
  return [
    'Log in with `npx claude auth login`. The next run uses that login.',
    ...others.map(([mode, variable]) => `To use ${variable} instead, start with ${AGENT_ENV.authMode}=${mode}.`),
  ].join(' ');
}

/**
 * The configuration of the processes of `claude`. Conversations in the state folder are kept in a store.
 * @param admit for processes on runners.
 * @param trace takes the spans of processes.
 * @throws if the disk cannot be written.
 */
export function configurationsOf(
  settings: Settings,
  log: Log,
  admit?: (sessionId: string) => Admission,
  trace?: (sessionId: string) => ProcessTrace,
): Configurations {
  const { authMode, stateDir, conversationMegabytes } = settings;
  const named = configDirOf(settings);
  const configDir = named ?? path.join(homeOf(settings), '.claude');
  const custody = custodyOf(settings, admit !== undefined, log);
  const isOwn = isInside(configDir, stateDir);
  return new Configurations({
    stateDir,
    configDir,
    environment: named === undefined ? {} : { CLAUDE_CONFIG_DIR: named },
    ownFolders: admit !== undefined || (isOwn && custody !== undefined && authMode !== 'session'),
    ...(admit && { admit }),
    trace,
    custody,
    // A person's own folder holds that person's conversations.
    conversations: isOwn || admit ? new ConversationStore(stateDir, conversationMegabytes * 1_048_576) : undefined,
    log,
  });
}

/**
 * Takes custody of those parts of Claude's configuration that belong to the agent. A login that is used directly belongs to
 * a person, and so do the files next to it and a home folder outside the state folder.
 * @param onRunners whether processes are on runners, where the agent owns the whole configuration.
 */
function custodyOf(settings: Settings, onRunners: boolean, log: Log): Custody | undefined {
  const { authMode, sessionDir: seedDir, stateDir, workspaceDir } = settings;
  if (seedDir === undefined && authMode === 'session') return undefined;
  const dir = configDirOf(settings);
  const configDir = dir !== undefined && isInside(dir, stateDir) ? dir : undefined;
  const holds = (folder: string | undefined) => folder !== undefined && isInside(folder, homeOf(settings));
  const isOwnHome = isInside(homeOf(settings), stateDir) && !holds(workspaceDir) && !holds(dir);
  const home = isOwnHome ? homeOf(settings) : undefined;
  return configDir === undefined && home === undefined && !onRunners
    ? undefined
    : new Custody({ stateDir, configDir, home, seedDir }, log);
}

/** Logs in with the agent's own CLI. */
export function loginAttempts(
  settings: Settings,
  parts: Omit<
    LoginAttemptsParts,
    'stateDir' | 'runsAreElsewhere' | 'claudePath' | 'environment' | 'target' | 'tryLogin'
  > & {
    readonly credential: CredentialSource;
    readonly configurations: Configurations;
  },
): LoginAttempts {
  const { authMode, stateDir, environment, claudePath = PINNED_CLAUDE, runners } = settings;
  const { credential, configurations, host, instanceId } = parts;
  const { custody } = configurations;
  return new LoginAttempts({
    ...parts,
    stateDir,
    runsAreElsewhere: runners !== undefined,
    claudePath,
    environment,
    target: loginTarget({ authMode, credential, custody, onRunners: runners !== undefined }),
    tryLogin: loginTrial({ ...settings, host, instanceId, claudePath }),
  });
}

/** With a seed the session is in the state folder; without one the operator's own session is used directly. */
function configDirOf({ sessionDir, stateDir, environment }: Settings): string | undefined {
  return sessionDir === undefined ? environment['CLAUDE_CONFIG_DIR'] : path.join(stateDir, SESSION_FOLDER);
}

/** The files with the settings of claude that processes have besides the agent's own, whether they exist or not. */
export function userSettingsOf(settings: Settings): string[] {
  const dirs = [configDirOf(settings) ?? path.join(homeOf(settings), '.claude'), settings.sessionDir];
  return dirs.flatMap((dir) => (dir === undefined ? [] : [path.join(dir, 'settings.json')]));
}

/** On a pod's empty volume the home folder does not exist yet, and claude needs a writable one. */
export function homeOf(settings: Settings): string {
  return settings.environment['HOME'] ?? homedir();
}
