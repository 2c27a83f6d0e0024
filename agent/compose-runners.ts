import type { KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import path from 'node:path';
import { askDefaultModel } from './claude/default-model.ts';
import { claudeEnvironment, withoutProxyTo } from './claude/environment.ts';
import { LoginModel } from './claude/login-model.ts';
import { PINNED_CLAUDE } from './claude/pinned.ts';
import { runnerPlace, type ClaudePlace } from './claude/place.ts';
import { renewLogin } from './claude/renew-login.ts';
import { RunnerHost } from './claude/runner-host.ts';
import { settingsVersion } from './claude/settings-version.ts';
import { CredentialError, FixedCredential, UNAUTHENTICATED, type GatewayCredential } from './gateway/credential.ts';
import { FederationCredential } from './gateway/federation.ts';
import { Gateway } from './gateway/server.ts';
import type { Refusal } from './gateway/refusals.ts';
import type { RunTokens } from './gateway/run-tokens.ts';
import { SessionCredential } from './gateway/session.ts';
import { Upstream } from './gateway/upstream.ts';
import type { Log } from './log.ts';
import type { Configurations } from './login/configurations.ts';
import type { CredentialSource } from './login/credential.ts';
import { RunnerAddresses } from './runner/client/addresses.ts';
import { ownRunnerKey, publishRunnerKey } from './runner/client/own-key.ts';
import { Retirement, type KeptNames } from './runner/client/retirement.ts';
import type { RunnersSettings, Settings } from './settings.ts';
import { readOwnFile, writeOwnFile } from './workspace/own-files.ts';

/** How long the agent's own CLI may retry, in milliseconds. */
const OWN_CLI_MS = 30_000;

/** The runners, and their way to the Anthropic API. */
export interface Runners extends Disposable {
  readonly place: ClaudePlace;
  /** The variables of this machine for a process of `claude` here that calls the API as those on runners do. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly host: RunnerHost;
  /** By which runners know the agent. */
  readonly privateKey: KeyObject;
  readonly gateway: Gateway;
  /** The model of runs that name none; undefined if a token alone means the same. */
  readonly loginModel: LoginModel | undefined;
  /** How many runs may be in progress on them. */
  readonly slots: number;
}

/** What {@link composeRunners} needs besides the settings. */
interface Parts {
  readonly settings: Settings;
  readonly runners: RunnersSettings;
  /** The workspace in the paths that requests name. */
  readonly workspaceDir: string;
  readonly credential: CredentialSource;
  /** Of the processes on the runners. */
  readonly tokens: RunTokens;
  /** With the agent's own login. */
  readonly configurations: Configurations;
  readonly log: Log;
  /** Called for each request that the gateway refused. */
  readonly onRefused: (refusal: Refusal) => void;
  /** Called with each response of the API to the gateway. */
  readonly onResponse: (response: IncomingMessage) => void;
  /** Called for each request that the gateway passed on, with the status of the API; undefined if there was none. */
  readonly onPassedOn: (status: number | undefined) => void;
  /** Called when the number or the state of runners has changed, or what their next process is started with. */
  readonly onChange: () => void;
}

/**
 * The key by which runners know the agent, and its public part in the file from which they read it.
 * @throws {CannotStartError} if it cannot be read or written for a reason other than the disk.
 */
function runnerKeyOf({ privateKey, publicKeyFile }: RunnersSettings, stateDir: string): KeyObject {
  const key = privateKey ?? ownRunnerKey(stateDir);
  if (publicKeyFile !== undefined) publishRunnerKey(key, publicKeyFile);
  return key;
}

/**
 * Connects to the runners. The gateway does not listen yet.
 * @throws {CannotStartError} as {@link runnerKeyOf}.
 */
export function composeRunners(parts: Parts): Runners {
  const { settings, runners, log, onChange, onRefused, onResponse, onPassedOn } = parts;
  const { name, port, gatewayUrl, warm, cluster } = runners;
  const privateKey = runnerKeyOf(runners, settings.stateDir);
  const upstream = new Upstream(settings.environment);
  const gateway = new Gateway({
    tokens: parts.tokens,
    upstream,
    credential: gatewayCredential(parts, upstream),
    log,
    onRefused,
    onResponse,
    onExchanged: (_, { status }) => onPassedOn(status),
  });
  const addresses = new RunnerAddresses({ name, port, log, onChange: () => host.refresh() });
  const retirement = cluster && new Retirement({ service: name, cluster, kept: usedRunners(settings.stateDir), log });
  const host = new RunnerHost({ addresses: () => addresses.current, privateKey, retirement, log, onChange });
  return {
    place: runnerPlace(host, {
      gatewayUrl,
      workspaceDir: parts.workspaceDir,
      keepsWorkspace: settings.workspaceLifetime === 'keep',
    }),
    environment: {
      ...settings.environment,
      ...withoutProxyTo(gatewayUrl, settings.environment),
      ANTHROPIC_BASE_URL: gatewayUrl,
    },
    host,
    privateKey,
    gateway,
    loginModel: loginModelOf(parts),
    get slots() {
      const { size } = host;
      return size === 0 ? 0 : Math.max(1, size - warm);
    },
    [Symbol.dispose]() {
      addresses[Symbol.dispose]();
      host[Symbol.dispose]();
      retirement?.[Symbol.dispose]();
    },
  };
}

function gatewayCredential(parts: Parts, upstream: Upstream): GatewayCredential {
  const { settings, credential, configurations, log } = parts;
  const { authMode, federation } = settings;
  if (federation !== undefined) return new FederationCredential(federation, upstream, log);
  if (authMode === 'oauthToken' || authMode === 'apiKey') return new FixedCredential(credential, authMode);
  const { login } = configurations;
  if (!login) return withoutLogin(credential.remedy);
  const { claudePath, environment } = ownCli(parts);
  return new SessionCredential({ login, renew: () => renewLogin(claudePath, environment), log });
}

/** With other credentials than a login, the variable that has the token decides the model. */
function loginModelOf(parts: Parts): LoginModel | undefined {
  const { settings, configurations, log, onChange } = parts;
  const { authMode, claudeSettings } = settings;
  if (authMode !== 'session' || !configurations.login) return undefined;
  const { claudePath, environment } = ownCli(parts);
  return new LoginModel({
    async ask() {
      const hasAccount = () => configurations.takeAccount();
      const model = await askDefaultModel({ claudePath, environment, claudeSettings, hasAccount });
      configurations.takeAccount();
      return model;
    },
    version: () => settingsVersion({ configDir: configurations.dir, claudeSettings, mcpConfig: undefined }),
    onAsked: onChange,
    log,
  });
}

/** The CLI that uses the agent's login itself. */
function ownCli({ settings: { claudePath, environment }, configurations }: Parts) {
  return {
    claudePath: claudePath ?? PINNED_CLAUDE,
    environment: claudeEnvironment(environment, configurations.environment, 'own', OWN_CLI_MS),
  };
}

/** @param remedy what a person should do. */
function withoutLogin(remedy: string): GatewayCredential {
  return {
    header: () => Promise.reject(new CredentialError(`The agent has no login of its own. ${remedy}`, UNAUTHENTICATED)),
    refused: () => Promise.resolve(),
  };
}

/** Those for one run each that had it, in a file: a name a line. */
function usedRunners(stateDir: string): KeptNames {
  const file = path.join(stateDir, 'used-runners');
  return {
    read: () => readOwnFile(file)?.toString().split('\n') ?? [],
    write: (names) => writeOwnFile(file, names.join('\n')),
  };
}
