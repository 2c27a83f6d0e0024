import type * as pulumi from '@pulumi/pulumi';

import {
  AUTH_MODES,
  CALLBACK_HOST,
  CREDENTIALS_FILE,
  PERMISSION_MODES,
  SESSION_ENTRIES,
  WORKSPACE_LIFETIMES,
  type AuthMode,
  type PermissionMode,
  type WorkspaceLifetime,
} from '../agent/contract.ts';
import { readAzureConfig, type AzureConfig } from './azure/config.ts';
import { ConfigReader } from './config-reader.ts';
import type { ConfigSource } from './config-reader.ts';
import { readFederation } from './federation.ts';
import type { Federation } from './federation.ts';

/** A place that the agent may reach besides port 443 of the internet; the port is the pod's, not the Service's. */
export type Egress = { readonly port: number } & ({ readonly namespace: string } | { readonly cidr: string });

/** Kubernetes quantities for the agent's container. */
export interface Resources {
  readonly cpuRequest: string;
  readonly cpuLimit: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
}

/** The configuration of one stack, checked. Pulumi.yaml describes every key and has its default. */
export interface StackConfig {
  readonly target: 'local' | 'azure';
  /** Undefined where the target is another. */
  readonly azure: AzureConfig | undefined;
  /** Undefined: the current context of the kubeconfig. */
  readonly kubeContext: string | undefined;
  readonly registry: string;
  /** An image by digest to run instead of building one. */
  readonly pinnedImage: string | undefined;
  readonly nodeImage: string;
  readonly platform: 'linux/amd64' | 'linux/arm64';
  readonly authMode: AuthMode;
  readonly claudeToken: pulumi.Output<string> | undefined;
  /** For `authMode` federation. */
  readonly federation: Federation | undefined;
  /** Undefined: `.local/session`, else `~/.claude`. */
  readonly sessionDir: string | undefined;
  readonly sessionFrom: 'folder' | 'cluster';
  /** Names of files and folders in the session's folder. */
  readonly sessionExtras: readonly string[];
  readonly agentToken: pulumi.Output<string> | undefined;
  /** JSON objects: MCP servers by name, and settings of `claude`. */
  readonly mcpServers: pulumi.Output<string> | undefined;
  readonly claudeSettings: pulumi.Output<string> | undefined;
  readonly permissionMode: PermissionMode;
  readonly queueLimit: number;
  readonly warmStart: boolean;
  readonly graceSeconds: number;
  readonly resources: Resources;
  readonly workspaceSize: string;
  readonly workspaceLifetime: WorkspaceLifetime;
  readonly volumeSize: string;
  /** Undefined: the cluster's default. */
  readonly storageClass: string | undefined;
  readonly protectData: boolean;
  readonly n8nNamespace: string;
  /** Of n8n's pods. */
  readonly n8nPort: number;
  /** Besides n8n's own Service. */
  readonly callbackHosts: readonly string[];
  readonly callbackGiveUpHours: number;
  readonly callbackSecret: pulumi.Output<string> | undefined;
  /** Undefined: Anthropic's own. */
  readonly anthropicBaseUrl: string | undefined;
  readonly extraEgress: readonly Egress[];
  readonly watchdogSchedule: string;
  /** Undefined: the watchdog sends no cards. */
  readonly teamsWebhookUrl: pulumi.Output<string> | undefined;
  /** Undefined: the watchdog pauses no workflows. */
  readonly n8nApiUrl: string | undefined;
  readonly n8nApiKey: pulumi.Output<string> | undefined;
  readonly n8nUrl: string | undefined;
  readonly n8nTag: string;
  readonly guideUrl: string | undefined;
  readonly reminderHours: number;
  readonly maintenanceReason: string;
  readonly maintenanceMinutes: number;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const QUANTITY = /^\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$/;
const CPU = /^(\d+(\.\d{1,3})?|\d+m)$/;
const IMAGE_BY_DIGEST = /^\S+@sha256:[0-9a-f]{64}$/;
const IMAGE_NAME = /^[a-z0-9][\w.:/@-]*$/;
const REGISTRY = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9._-]+)*$/;
const HTTP_URL = /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/;
/** Over these `claude` sends no identity token. */
const CLEARTEXT = /^http:\/\/(?!(localhost|127\.0\.0\.1|\[::1\])([:/]|$))/;
const GUIDE_URL = /^https?:\/\/[^\s/?#@]+(\/\S*)?$/;
const CRON = /^(\S+\s+){4}\S+$/;
/** What the agent takes of a session besides the entries that are always in. */
const EXTRA_ENTRIES: readonly unknown[] = SESSION_ENTRIES.filter(
  (entry) => entry !== CREDENTIALS_FILE && entry !== 'settings.json',
);
const EXTRAS = {
  list: 'a list of names, such as ["CLAUDE.md", "skills"]',
  item: `one of ${EXTRA_ENTRIES.join(', ')}`,
};
const EGRESS = {
  list: 'a list, such as [{"namespace": "llm", "port": 8080}]',
  item: '{"namespace": NAME, "port": NUMBER} or {"cidr": A.B.C.D/N, "port": NUMBER}',
};
const HOSTS = {
  list: 'a list of hosts, such as ["n8n.example.org", "*.example.org", "n8n.internal:5678"]',
  item: 'a host or *.SUFFIX, with :PORT or without',
};
const CIDR = /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/;

/**
 * Reads and checks the configuration; the only reader of `pulumi.Config` in the stack.
 * @param source Normally `new pulumi.Config()`.
 * @throws ConfigError naming every mistake: key, value (never a secret's), what is allowed.
 */
export function readConfig(source: ConfigSource): StackConfig {
  const read = new ConfigReader(source);
  const optional = (key: string, pattern: RegExp, allowed: string): string | undefined =>
    read.text(key, pattern, allowed, { optional: true }) || undefined;
  const target = read.oneOf('target', ['local', 'azure']);
  const platform = read.oneOf('platform', ['linux/amd64', 'linux/arm64']);
  const authMode = read.oneOf('authMode', AUTH_MODES);
  const config: StackConfig = {
    target,
    azure: readAzureConfig(read, target, platform),
    kubeContext: optional('kubeContext', /^\S+$/, "a context's name, without spaces"),
    registry: read.text('registry', REGISTRY, 'a registry, such as 127.0.0.1:5000 or example.azurecr.io'),
    pinnedImage: optional('image', IMAGE_BY_DIGEST, 'an image by digest (NAME@sha256:…), or empty'),
    nodeImage: read.text('nodeImage', IMAGE_NAME, 'the name of an image, such as node:24-bookworm-slim'),
    platform,
    authMode,
    claudeToken: read.secret('claudeToken'),
    federation: readFederation(read, authMode === 'federation'),
    sessionDir: optional('sessionDir', /\S/, 'a folder'),
    sessionFrom: read.oneOf('sessionFrom', ['folder', 'cluster']),
    sessionExtras: read.list('sessionExtras', EXTRAS, sessionExtra),
    agentToken: read.secret('agentToken'),
    mcpServers: read.secret('mcpServers'),
    claudeSettings: read.secret('claudeSettings'),
    permissionMode: read.oneOf('permissionMode', PERMISSION_MODES),
    queueLimit: read.integer('queueLimit', 0, 10_000),
    warmStart: read.boolean('warmStart'),
    graceSeconds: read.integer('graceSeconds', 1, 3600),
    resources: {
      cpuRequest: read.text('cpuRequest', CPU, 'a CPU quantity, such as 500m or 2'),
      cpuLimit: read.text('cpuLimit', CPU, 'a CPU quantity, such as 500m or 2'),
      memoryRequest: read.text('memoryRequest', QUANTITY, 'a quantity, such as 2Gi'),
      memoryLimit: read.text('memoryLimit', QUANTITY, 'a quantity, such as 8Gi'),
    },
    workspaceSize: read.text('workspaceSize', QUANTITY, 'a quantity, such as 10Gi'),
    workspaceLifetime: read.oneOf('workspaceLifetime', WORKSPACE_LIFETIMES),
    volumeSize: read.text('volumeSize', QUANTITY, 'a quantity, such as 10Gi'),
    storageClass: optional('storageClass', /^\S+$/, "a storage class's name"),
    protectData: read.boolean('protectData'),
    n8nNamespace: read.text('n8nNamespace', DNS_LABEL, 'the name of a namespace'),
    n8nPort: read.integer('n8nPort', 1, 65_535),
    callbackHosts: read.list('callbackHosts', HOSTS, callbackHost),
    callbackGiveUpHours: read.integer('callbackGiveUpHours', 1, 168),
    callbackSecret: read.secret('callbackSecret'),
    anthropicBaseUrl: optional('anthropicBaseUrl', HTTP_URL, 'an http(s) URL without user, query or fragment'),
    extraEgress: read.list('extraEgress', EGRESS, egress),
    watchdogSchedule: read.text('watchdogSchedule', CRON, 'a cron expression of five fields, such as */30 * * * *'),
    teamsWebhookUrl: read.secret('teamsWebhookUrl'),
    n8nApiUrl: optional('n8nApiUrl', HTTP_URL, 'an http(s) URL without user, query or fragment'),
    n8nApiKey: read.secret('n8nApiKey'),
    n8nUrl: optional('n8nUrl', HTTP_URL, 'an http(s) URL without user, query or fragment'),
    n8nTag: read.text('n8nTag', /^[^,]{1,64}$/, 'the name of one tag, without a comma'),
    guideUrl: optional('guideUrl', GUIDE_URL, 'an http(s) URL'),
    reminderHours: read.integer('reminderHours', 1, 168),
    maintenanceReason: read.text('maintenanceReason', /^.*\S.{0,499}$/, 'a text of 1 to 500 characters'),
    maintenanceMinutes: read.integer('maintenanceMinutes', 1, 10_080),
  };
  checkTogether(config, read);
  read.finish();
  return Object.freeze(config);
}

function checkTogether(config: StackConfig, read: ConfigReader): void {
  if (config.target === 'azure' && config.kubeContext !== undefined) {
    read.mistake('kubeContext is for target local; with azure the cluster is azureCluster. Leave kubeContext empty.');
  }
  if (config.federation !== undefined && CLEARTEXT.test(config.anthropicBaseUrl ?? '')) {
    read.mistake(
      `anthropicBaseUrl is ${config.anthropicBaseUrl}; with authMode federation it must begin with https://, for the pod's identity token goes there.`,
    );
  }
  if ((config.n8nApiUrl === undefined) !== (config.n8nApiKey === undefined)) {
    const [has, lacks] = config.n8nApiUrl === undefined ? ['n8nApiKey', 'n8nApiUrl'] : ['n8nApiUrl', 'n8nApiKey'];
    read.mistake(`${has} is set, but ${lacks} is not; the watchdog needs both to pause workflows, or neither.`);
  }
  if (config.anthropicBaseUrl !== undefined && config.extraEgress.length === 0) {
    const { hostname, port, protocol } = new URL(config.anthropicBaseUrl);
    const inCluster = /\.svc(\.|$)/.test(hostname);
    if (inCluster || (port || (protocol === 'https:' ? '443' : '80')) !== '443') {
      read.mistake(
        `anthropicBaseUrl is ${config.anthropicBaseUrl}, which the network policy keeps out of reach; extraEgress must name it, such as [{"namespace": "llm", "port": 8080}].`,
      );
    }
  }
  for (const [index, host] of config.callbackHosts.entries()) {
    const { hostname = '', port = '443' } = CALLBACK_HOST.exec(host)?.groups ?? {};
    const namespace = /(?:^|\.)([^.]+)\.svc(?:\.|$)/.exec(hostname)?.[1];
    const isOpen = namespace === undefined ? port === '443' : namespace === config.n8nNamespace;
    if (isOpen || config.extraEgress.length > 0) continue;
    read.mistake(
      `callbackHosts[${index}] is ${host}, which the network policy keeps out of reach; extraEgress must name it, such as [{"namespace": "tools", "port": 8080}].`,
    );
  }
}

function callbackHost(item: unknown): string | undefined {
  return typeof item === 'string' && CALLBACK_HOST.test(item) ? item : undefined;
}

function sessionExtra(item: unknown): string | undefined {
  return EXTRA_ENTRIES.includes(item) ? (item as string) : undefined;
}

function egress(item: unknown): Egress | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const { namespace, cidr, port, ...rest } = item as Record<string, unknown>;
  if (Object.keys(rest).length > 0 || typeof port !== 'number') return undefined;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  if (typeof namespace === 'string' && DNS_LABEL.test(namespace) && cidr === undefined) return { namespace, port };
  if (typeof cidr === 'string' && CIDR.test(cidr) && namespace === undefined) return { cidr, port };
  return undefined;
}
