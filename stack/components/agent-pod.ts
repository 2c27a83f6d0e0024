import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';

import { AGENT_ENV, AGENT_PORT } from '../../agent/contract.ts';
import { CONFIG_FILES } from './claude-config.ts';
import type { ClaudeConfig } from './claude-config.ts';
import type { StackConfig } from '../config/config.ts';
import { federationEnvironment } from '../config/federation.ts';
import type { Federation } from '../config/federation.ts';
import { NAMES } from '../names.ts';
import { mebibytesOf } from '../config/quantity.ts';
import { CONTAINER_SECURITY, placed, POD_BASE, proxied, SECRET_MODE } from './pod.ts';
import type { MountedSecret } from './session.ts';
import { TOKEN_KEYS } from './tokens.ts';
import type { Tokens } from './tokens.ts';

/** What the agent's pod is made from. */
export interface AgentPodArgs {
  readonly config: StackConfig;
  /** The image by digest. */
  readonly image: pulumi.Output<string>;
  /** The credential of Claude Code: a session with its files, one token in a file, or the pod's own identity. */
  readonly login: Login;
  readonly tokens: Tokens;
  /** MCP servers and settings for every run. */
  readonly claudeConfig: ClaudeConfig | undefined;
}

/** A credential, and what changes with it. */
export type Login =
  | (MountedSecret & { readonly kind: 'session' | 'credential' })
  | { readonly kind: 'federation'; readonly federation: Federation; readonly checksum: pulumi.Output<string> };

/** Where things are in the agent's pod. */
const PATHS = {
  state: '/data',
  home: '/data/home',
  workspace: '/workspace',
  tmp: '/tmp',
  session: '/var/run/claude-session',
  credential: '/var/run/claude-credential',
  callback: '/var/run/claude-callback',
  config: '/var/run/claude-config',
} as const;

/** Key of the Secret with an OAuth token or API key, and the name of the file, whatever credential it holds. */
export const CREDENTIAL_KEY = 'token';

const CONFIG_SETTINGS = { mcpServers: AGENT_ENV.mcpConfig, claudeSettings: AGENT_ENV.claudeSettings } as const;
const pathOf = (file: keyof typeof CONFIG_FILES) => `${PATHS.config}/${CONFIG_FILES[file]}`;

/** The agent acts at this share of the workspace's size, before the kubelet evicts the pod, which counts /tmp and logs too. */
const WORKSPACE_SHARE = 0.8;
/** Of the volume; the rest is for the session and the records of runs. */
const CONVERSATION_SHARE = 0.5;

/** Seconds from the end of a run's grace to SIGKILL, for interrupting it and writing its record. */
const FLUSH_SECONDS = 30;

/** Limits of /tmp, and of /tmp and logs together. */
const TMP_SIZE = '2Gi';
const EPHEMERAL_SIZE = '4Gi';

/** Names of the pod's volume claims. */
export interface Claims {
  readonly data: pulumi.Input<string>;
  /** Undefined: the workspace is an emptyDir. */
  readonly workspace: pulumi.Input<string> | undefined;
}

/** The pod of the agent. */
export function agentPod(args: AgentPodArgs, claims: Claims, serviceAccountName: pulumi.Input<string>) {
  const { config, image, login, tokens, claudeConfig } = args;
  const loginPath = login.kind === 'session' ? PATHS.session : PATHS.credential;
  return {
    ...POD_BASE,
    ...placed(config.placement),
    serviceAccountName,
    terminationGracePeriodSeconds: config.graceSeconds + FLUSH_SECONDS,
    containers: [
      {
        name: NAMES.deployment,
        image,
        ports: [{ name: 'http', containerPort: AGENT_PORT }],
        env: environment(args),
        resources: {
          requests: {
            cpu: config.resources.cpuRequest,
            memory: config.resources.memoryRequest,
            'ephemeral-storage': '1Gi',
          },
          limits: {
            cpu: config.resources.cpuLimit,
            memory: config.resources.memoryLimit,
            // What is in an emptyDir, /tmp and logs count together.
            'ephemeral-storage': claims.workspace === undefined ? config.workspaceSize : EPHEMERAL_SIZE,
          },
        },
        startupProbe: {
          httpGet: { path: '/health', port: 'http' },
          periodSeconds: 1,
          timeoutSeconds: 5,
          failureThreshold: 120,
        },
        livenessProbe: {
          httpGet: { path: '/health', port: 'http' },
          periodSeconds: 15,
          timeoutSeconds: 10,
          failureThreshold: 4,
        },
        readinessProbe: {
          httpGet: { path: '/ready', port: 'http' },
          periodSeconds: 5,
          timeoutSeconds: 5,
          failureThreshold: 2,
        },
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [
          { name: 'data', mountPath: PATHS.state },
          { name: 'workspace', mountPath: PATHS.workspace },
          { name: 'tmp', mountPath: PATHS.tmp },
          { name: 'login', mountPath: loginPath, readOnly: true },
          { name: 'callback', mountPath: PATHS.callback, readOnly: true },
          ...(claudeConfig ? [{ name: 'config', mountPath: PATHS.config, readOnly: true }] : []),
        ],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: claims.data } },
      {
        name: 'workspace',
        ...(claims.workspace === undefined
          ? { emptyDir: { sizeLimit: config.workspaceSize } }
          : { persistentVolumeClaim: { claimName: claims.workspace } }),
      },
      { name: 'tmp', emptyDir: { sizeLimit: TMP_SIZE } },
      { name: 'callback', secret: { secretName: tokens.callbackSecretName, defaultMode: SECRET_MODE } },
      { name: 'login', ...loginVolume(login) },
      ...(claudeConfig
        ? [{ name: 'config', secret: { secretName: claudeConfig.secretName, defaultMode: SECRET_MODE } }]
        : []),
    ],
  } satisfies k8s.types.input.core.v1.PodSpec;
}

/** The pod's own token is for Anthropic alone: its audience is not the API server. */
function loginVolume(login: Login): Omit<k8s.types.input.core.v1.Volume, 'name'> {
  if (login.kind !== 'federation') {
    return { secret: { secretName: login.secretName, items: login.items, defaultMode: SECRET_MODE } };
  }
  const { audience, tokenSeconds: expirationSeconds } = login.federation;
  const serviceAccountToken = { audience, expirationSeconds, path: CREDENTIAL_KEY };
  return { projected: { sources: [{ serviceAccountToken }], defaultMode: SECRET_MODE } };
}

function environment({ config, login, tokens, claudeConfig }: AgentPodArgs): k8s.types.input.core.v1.EnvVar[] {
  const plain: Record<string, string> = {
    HOME: PATHS.home,
    [AGENT_ENV.host]: '0.0.0.0',
    [AGENT_ENV.port]: String(AGENT_PORT),
    [AGENT_ENV.stateDir]: PATHS.state,
    [AGENT_ENV.workspaceDir]: PATHS.workspace,
    [AGENT_ENV.workspaceLifetime]: config.workspaceLifetime,
    [AGENT_ENV.workspaceMegabytes]: String(mebibytesOf(config.workspaceSize, WORKSPACE_SHARE)),
    [AGENT_ENV.conversationMegabytes]: String(mebibytesOf(config.volumeSize, CONVERSATION_SHARE)),
    [AGENT_ENV.authMode]: config.authMode,
    [AGENT_ENV.permissionMode]: config.permissionMode,
    [AGENT_ENV.queueLimit]: String(config.queueLimit),
    [AGENT_ENV.warmStart]: config.warmStart ? 'on' : 'off',
    [AGENT_ENV.graceSeconds]: String(config.graceSeconds),
    [AGENT_ENV.callbackHosts]: [...n8nHosts(config), ...config.callbackHosts].join(','),
    [AGENT_ENV.callbackSecretFile]: `${PATHS.callback}/${TOKEN_KEYS.callbackSecret}`,
    [AGENT_ENV.callbackGiveUpSeconds]: String(config.callbackGiveUpHours * 3600),
    [AGENT_ENV.recordDays]: String(config.records.days),
    [AGENT_ENV.recordCount]: String(config.records.count),
    [AGENT_ENV.recordMegabytes]: String(config.records.megabytes),
    [AGENT_ENV.logLevel]: config.logLevel,
    [AGENT_ENV.stack]: pulumi.getStack(),
    ...(login.kind === 'session'
      ? { [AGENT_ENV.sessionDir]: PATHS.session }
      : { [AGENT_ENV.credentialFile]: `${PATHS.credential}/${CREDENTIAL_KEY}` }),
    ...(login.kind === 'federation' ? federationEnvironment(login.federation) : {}),
    ...Object.fromEntries((claudeConfig?.files ?? []).map((file) => [CONFIG_SETTINGS[file], pathOf(file)])),
    ...(config.model === undefined ? {} : { [AGENT_ENV.model]: config.model }),
    ...(config.n8nUrl === undefined ? {} : { [AGENT_ENV.n8nUrl]: config.n8nUrl }),
    ...(config.anthropicBaseUrl === undefined ? {} : { ANTHROPIC_BASE_URL: config.anthropicBaseUrl }),
    ...proxied(config),
  };
  const hash = (name: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: tokens.agentSecretName, key } },
  });
  return [
    ...Object.entries(plain).map(([name, value]) => ({ name, value })),
    hash(AGENT_ENV.tokenSha256, TOKEN_KEYS.agentSha256),
    hash(AGENT_ENV.watchdogTokenSha256, TOKEN_KEYS.watchdogSha256),
  ];
}

/** The Service of n8n, under the names and ports that its webhooks may have in the cluster. */
function n8nHosts({ n8nNamespace, n8nPort }: StackConfig): string[] {
  return ['svc', 'svc.cluster.local'].flatMap((domain) => {
    const host = `n8n.${n8nNamespace}.${domain}`;
    return [host, `${host}:${n8nPort}`];
  });
}
