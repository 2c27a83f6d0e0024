import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';

import { AGENT_ENV, AGENT_PORT, GATEWAY_PORT, OTEL_ENV, RUNNER_PORT } from '../../agent/contract.ts';
import type { StackConfig } from '../config/config.ts';
import { federationEnvironment } from '../config/federation.ts';
import { mebibytesOf } from '../config/quantity.ts';
import { trusting } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { proxied } from './pod.ts';
import { CONFIG_FILES } from './secrets/claude-config.ts';
import type { GitHostsConfig } from '../config/git-hosts.ts';
import type { ClaudeConfig } from './secrets/claude-config.ts';
import { CREDENTIAL_KEY } from './secrets/credential.ts';
import type { Login } from './secrets/credential.ts';
import type { GitCredentials } from './secrets/git-credentials.ts';
import { isTraced } from '../config/tracing.ts';
import { TRACING_KEY } from './secrets/tracing-headers.ts';
import type { TracingHeaders } from './secrets/tracing-headers.ts';
import { TOKEN_KEYS } from './secrets/tokens.ts';
import type { Tokens } from './secrets/tokens.ts';
import { agentWorkspaceSize } from './workspace.ts';
import { NAMES, PATHS } from '../names.ts';

/** What the agent's pod is built from. */
export interface AgentPodArgs {
  readonly config: StackConfig;
  /** The image by digest. */
  readonly image: pulumi.Output<string>;
  /** Claude Code's credential: a session with its files, one token in a file, or the pod's own identity. */
  readonly login: Login;
  readonly tokens: Tokens;
  /** MCP servers and settings for every run. */
  readonly claudeConfig: ClaudeConfig | undefined;
  /** Undefined: the pod trusts the public authorities alone. */
  readonly certificates: Certificates | undefined;
  /** Credentials for git hosts; undefined if none needs one. */
  readonly gitCredentials: GitCredentials | undefined;
  /** Headers for the collector of traces; undefined if it needs none. */
  readonly tracingHeaders: TracingHeaders | undefined;
}

const CONFIG_SETTINGS = { mcpServers: AGENT_ENV.mcpConfig, claudeSettings: AGENT_ENV.claudeSettings } as const;
const pathOf = (file: keyof typeof CONFIG_FILES) => `${PATHS.config}/${CONFIG_FILES[file]}`;

/** The agent acts at this share of the workspace's size: the kubelet, which also counts /tmp and logs, must not evict the pod. */
const WORKSPACE_SHARE = 0.8;
/** The variable with the pod's address, which Kubernetes puts into others. */
const POD_IP = 'POD_IP';

/** Shares of the volume; the rest is for the session and the run records. */
const CONVERSATION_SHARE = 0.5;
const FILES_SHARE = 0.3;

function fileLimits({ files, volumeSize }: Pick<StackConfig, 'files' | 'volumeSize'>): Record<string, string> {
  return {
    [AGENT_ENV.fileMegabytes]: String(files.fileMegabytes),
    [AGENT_ENV.runFilesMegabytes]: String(files.runFilesMegabytes),
    [AGENT_ENV.filesMegabytes]: String(Math.min(files.filesMegabytes, mebibytesOf(volumeSize, FILES_SHARE))),
  };
}

/** The agent's environment variables, by which config keys reach the agent; `agent/settings.ts` reads them. */
export function agentEnvironment({
  config,
  login,
  tokens,
  claudeConfig,
  certificates,
  tracingHeaders,
}: AgentPodArgs): k8s.types.input.core.v1.EnvVar[] {
  const plain: Record<string, string> = {
    HOME: PATHS.home,
    [AGENT_ENV.host]: '0.0.0.0',
    [AGENT_ENV.port]: String(AGENT_PORT),
    [AGENT_ENV.stateDir]: PATHS.state,
    [AGENT_ENV.workspaceDir]: PATHS.workspace,
    [AGENT_ENV.workspaceLifetime]: config.workspace.lifetime,
    [AGENT_ENV.workspaceMegabytes]: String(mebibytesOf(agentWorkspaceSize(config), WORKSPACE_SHARE)),
    [AGENT_ENV.conversationMegabytes]: String(mebibytesOf(config.volumeSize, CONVERSATION_SHARE)),
    [AGENT_ENV.authMode]: config.authMode,
    [AGENT_ENV.permissionMode]: config.permissionMode,
    [AGENT_ENV.approve]: JSON.stringify(config.approve),
    [AGENT_ENV.decisionMinutes]: String(config.decisionMinutes),
    ...placeOfRuns(config),
    [AGENT_ENV.queueLimit]: String(config.queueLimit),
    [AGENT_ENV.onUsageLimit]: config.onUsageLimit,
    [AGENT_ENV.maxRunMinutes]: String(config.maxRunMinutes),
    [AGENT_ENV.warmStart]: config.warmStart ? 'on' : 'off',
    [AGENT_ENV.warmStartFreeMegabytes]: String(config.warmStartFreeMegabytes),
    [AGENT_ENV.graceSeconds]: String(config.graceSeconds),
    [AGENT_ENV.callbackHosts]: [...n8nHosts(config), ...config.callbackHosts].join(','),
    [AGENT_ENV.callbackSecretFile]: `${PATHS.callback}/${TOKEN_KEYS.callbackSecret}`,
    [AGENT_ENV.callbackGiveUpSeconds]: String(config.callbackGiveUpHours * 3600),
    ...fileLimits(config),
    [AGENT_ENV.recordDays]: String(config.records.days),
    [AGENT_ENV.recordCount]: String(config.records.count),
    [AGENT_ENV.recordMegabytes]: String(config.records.megabytes),
    [AGENT_ENV.transcriptDays]: String(config.transcriptDays),
    [AGENT_ENV.logLevel]: config.logLevel,
    [AGENT_ENV.stack]: pulumi.getStack(),
    ...(config.callers.length === 0 ? {} : { [AGENT_ENV.callers]: JSON.stringify(config.callers) }),
    ...(config.budgets.length === 0 ? {} : { [AGENT_ENV.budgets]: JSON.stringify(config.budgets) }),
    ...gitSettings(config),
    ...tracingSettings(config),
    ...(tracingHeaders ? { [AGENT_ENV.otlpHeadersFile]: `${PATHS.tracing}/${TRACING_KEY}` } : {}),
    ...outside(config),
    ...(login.kind === 'session'
      ? { [AGENT_ENV.sessionDir]: PATHS.session }
      : { [AGENT_ENV.credentialFile]: `${PATHS.credential}/${CREDENTIAL_KEY}` }),
    ...(login.kind === 'federation' ? federationEnvironment(login.federation) : {}),
    ...Object.fromEntries((claudeConfig?.files ?? []).map((file) => [CONFIG_SETTINGS[file], pathOf(file)])),
    ...(config.model === undefined ? {} : { [AGENT_ENV.model]: config.model }),
    ...(config.n8nUrl === undefined ? {} : { [AGENT_ENV.n8nUrl]: config.n8nUrl }),
    ...(config.anthropicBaseUrl === undefined ? {} : { ANTHROPIC_BASE_URL: config.anthropicBaseUrl }),
    ...proxied(config),
    ...trusting(certificates).environment,
  };
  const hash = (name: string, key: string, more = {}) => ({
    name,
    valueFrom: { secretKeyRef: { name: tokens.agentSecretName, key, ...more } },
  });
  return [
    // Before the variables that contain it.
    ...(config.runners ? [{ name: POD_IP, valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }] : []),
    ...Object.entries(plain).map(([name, value]) => ({ name, value })),
    hash(AGENT_ENV.tokenSha256, TOKEN_KEYS.agentSha256),
    hash(AGENT_ENV.earlierTokenSha256, TOKEN_KEYS.earlierAgentSha256, { optional: true }),
    hash(AGENT_ENV.watchdogTokenSha256, TOKEN_KEYS.watchdogSha256),
  ];
}

/** By the names of OpenTelemetry. */
function tracingSettings({ tracing }: Pick<StackConfig, 'tracing'>): Record<string, string> {
  if (!isTraced(tracing)) return {};
  const { endpoint, tracesEndpoint, resourceAttributes } = tracing;
  const attributes = Object.entries(resourceAttributes).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return {
    ...(endpoint === undefined ? {} : { [OTEL_ENV.endpoint]: endpoint }),
    ...(tracesEndpoint === undefined ? {} : { [OTEL_ENV.tracesEndpoint]: tracesEndpoint }),
    [OTEL_ENV.protocol]: tracing.protocol,
    [OTEL_ENV.timeout]: String(tracing.timeout),
    [OTEL_ENV.serviceName]: tracing.serviceName,
    ...(attributes.length === 0 ? {} : { [OTEL_ENV.resource]: attributes.join(',') }),
    [OTEL_ENV.sampler]: tracing.sampler,
    [OTEL_ENV.samplerArgument]: tracing.samplerArg,
  };
}

/** For the agent, a credential is a file. */
function gitSettings({
  gitHosts,
  gitMegabytes,
}: Pick<StackConfig, 'gitHosts' | 'gitMegabytes'>): Record<string, string> {
  if (gitHosts.length === 0) return {};
  const inPod = gitHosts.map(({ privateKeyFile, tokenFile, ...host }): GitHostsConfig[number] => ({
    ...host,
    ...(privateKeyFile === undefined ? {} : { privateKeyFile: `${PATHS.git}/${privateKeyFile}` }),
    ...(tokenFile === undefined ? {} : { tokenFile: `${PATHS.git}/${tokenFile}` }),
  }));
  return { [AGENT_ENV.gitHosts]: JSON.stringify(inPod), [AGENT_ENV.gitMegabytes]: String(gitMegabytes) };
}

/**
 * Where runs are in progress. The gateway's address is the pod's own: a name would no longer lead there while the pod ends and
 * runs may still continue.
 */
function placeOfRuns({ runners, slots }: StackConfig): Record<string, string> {
  if (runners === undefined) return { [AGENT_ENV.runners]: `local:${slots}` };
  return {
    [AGENT_ENV.runners]: `http://${NAMES.runner}:${RUNNER_PORT}`,
    [AGENT_ENV.warmRunners]: String(runners.warm),
    [AGENT_ENV.runnerReuse]: runners.reuse ? 'on' : 'off',
    [AGENT_ENV.runnerKeyFile]: `${PATHS.runnerKey}/${TOKEN_KEYS.runnerKey}`,
    [AGENT_ENV.gatewayHost]: '0.0.0.0',
    [AGENT_ENV.gatewayPort]: String(GATEWAY_PORT),
    [AGENT_ENV.gatewayUrl]: `http://$(${POD_IP}):${GATEWAY_PORT}`,
  };
}

/** Under which name, from where, and through how many proxies the agent is called from outside of the cluster. */
function outside({ ingress, pageUrl }: StackConfig): Record<string, string> {
  if (pageUrl === undefined) return {};
  return {
    [AGENT_ENV.pageUrl]: pageUrl,
    [AGENT_ENV.allowedHosts]: new URL(pageUrl).hostname,
    ...(ingress && {
      [AGENT_ENV.trustedProxies]: String(ingress.trustedProxies),
      ...(ingress.sourceRanges.length > 0 && { [AGENT_ENV.sourceRanges]: ingress.sourceRanges.join(',') }),
    }),
  };
}

/** n8n's Service, under the names and ports that its webhooks may have in the cluster. */
function n8nHosts({ n8nNamespace, n8nPort }: StackConfig): string[] {
  return ['svc', 'svc.cluster.local'].flatMap((domain) => {
    const host = `n8n.${n8nNamespace}.${domain}`;
    return [host, `${host}:${n8nPort}`];
  });
}
