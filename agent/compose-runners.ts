import { claudeEnvironment } from './claude/environment.ts';
import { PINNED_CLAUDE } from './claude/pinned.ts';
import { runnerPlace, type ClaudePlace } from './claude/place.ts';
import { renewLogin } from './claude/renew-login.ts';
import { RunnerHost } from './claude/runner-host.ts';
import {
  CredentialError,
  FixedCredential,
  runVariables,
  UNAUTHENTICATED,
  type GatewayCredential,
} from './gateway/credential.ts';
import { FederationCredential } from './gateway/federation.ts';
import { Gateway } from './gateway/server.ts';
import type { Refusal } from './gateway/refusals.ts';
import { SessionCredential } from './gateway/session.ts';
import { Upstream } from './gateway/upstream.ts';
import type { Log } from './log.ts';
import type { Admission } from './login/configurations.ts';
import type { CredentialSource } from './login/credential.ts';
import type { LoginCustody } from './login/login-custody.ts';
import { RunnerAddresses } from './runner/client/addresses.ts';
import type { RunnersSettings, Settings } from './settings.ts';

/** How long a renewal of the login may retry, in milliseconds. */
const RENEWAL_MS = 30_000;

/** The runners, and their way to the Anthropic API. */
export interface Runners extends Disposable {
  readonly place: ClaudePlace;
  readonly host: RunnerHost;
  readonly gateway: Gateway;
  /** How many runs may be in progress on them. */
  readonly slots: number;
  /** Lets a process call the API. */
  admit(sessionId: string): Admission;
}

/** What {@link composeRunners} needs besides the settings. */
interface Parts {
  readonly settings: Settings;
  readonly runners: RunnersSettings;
  /** The workspace in the paths that requests name. */
  readonly workspaceDir: string;
  readonly credential: CredentialSource;
  /** The agent's own login, and the variables with which its own CLI finds it. */
  readonly login: LoginCustody | undefined;
  readonly loginEnvironment: Readonly<Record<string, string>>;
  readonly log: Log;
  /** Called for each request that the gateway refused. */
  readonly onRefused: (refusal: Refusal) => void;
  /** Called when the number or the state of runners has changed. */
  readonly onChange: () => void;
}

/** Connects to the runners. The gateway does not listen yet. */
export function composeRunners(parts: Parts): Runners {
  const { settings, runners, log, onChange, onRefused } = parts;
  const { name, port, privateKey, gatewayUrl, warm } = runners;
  const upstream = new Upstream(settings.environment);
  const gateway = new Gateway({
    upstream,
    credential: gatewayCredential(parts, upstream),
    log,
    onRefused,
    onExchanged: () => undefined,
  });
  const addresses = new RunnerAddresses({ name, port, log, onChange: () => host.refresh() });
  const host = new RunnerHost({ addresses: () => addresses.current, privateKey, log, onChange });
  return {
    place: runnerPlace(host, {
      gatewayUrl,
      workspaceDir: parts.workspaceDir,
      keepsWorkspace: settings.workspaceLifetime === 'keep',
    }),
    host,
    gateway,
    get slots() {
      const { size } = host;
      return size === 0 ? 0 : Math.max(1, size - warm);
    },
    admit(sessionId) {
      const token = gateway.tokens.issue(sessionId);
      return {
        environment: runVariables(settings.authMode, token),
        end: () => gateway.tokens.revoke(token),
      };
    },
    [Symbol.dispose]() {
      addresses[Symbol.dispose]();
      host[Symbol.dispose]();
    },
  };
}

function gatewayCredential(
  { settings, credential, login, loginEnvironment, log }: Parts,
  upstream: Upstream,
): GatewayCredential {
  const { authMode, federation, environment, claudePath } = settings;
  if (federation !== undefined) return new FederationCredential(federation, upstream, log);
  if (authMode === 'oauthToken' || authMode === 'apiKey') return new FixedCredential(credential, authMode);
  if (!login) return withoutLogin(credential.remedy);
  return new SessionCredential({
    login,
    renew: () =>
      renewLogin(claudePath ?? PINNED_CLAUDE, claudeEnvironment(environment, loginEnvironment, 'renewal', RENEWAL_MS)),
    log,
  });
}

/** @param remedy what a person should do. */
function withoutLogin(remedy: string): GatewayCredential {
  return {
    header: () => Promise.reject(new CredentialError(`The agent has no login of its own. ${remedy}`, UNAUTHENTICATED)),
    refused: () => Promise.resolve(),
  };
}
