import type * as pulumi from '@pulumi/pulumi';

import {
  AUTH_MODES,
  LOG_LEVELS,
  MAX_DECISION_MINUTES,
  MAX_RUN_MINUTES,
  MAX_SLOTS,
  ON_USAGE_LIMIT,
  PERMISSION_MODES,
} from '../../agent/contract.ts';
import type { AuthMode, OnUsageLimit, PermissionMode } from '../../agent/contract.ts';
import type { BudgetSetting } from '../../agent/budgets/rules.ts';
import type { CallerSetting } from '../../agent/callers/rules.ts';
import { readAzureConfig } from './azure.ts';
import type { AzureConfig } from './azure.ts';
import { readBudgets } from './budgets.ts';
import { readCertificates } from './certificates.ts';
import { readCallers } from './callers.ts';
import { ANNOTATIONS, APPROVE, CALLBACK_HOSTS, EGRESS, EXTRAS, LABELS, SELECTOR, TOLERATIONS } from './items.ts';
import type { Egress, Toleration } from './items.ts';
import { ConfigReader } from './reader.ts';
import type { ConfigSource } from './reader.ts';
import { readRunners } from './runners.ts';
import type { RunnersConfig } from './runners.ts';
import { SECRETS } from './secrets.ts';
import { crossChecks } from './cross-checks.ts';
import { TEXT } from './values.ts';
import { readFederation } from './federation.ts';
import type { Federation } from './federation.ts';
import { readIngress } from './ingress.ts';
import type { IngressConfig } from './ingress.ts';
import { readGitHosts } from './git-hosts.ts';
import type { GitHostsConfig } from './git-hosts.ts';
import { readTracing } from './tracing.ts';
import type { TracingConfig } from './tracing.ts';
import { readWorkspace } from './workspace.ts';
import type { WorkspaceConfig } from './workspace.ts';

/** Kubernetes quantities for the container that runs `claude`: each runner's, or without runners the agent's. */
export interface Resources {
  readonly cpuRequest: string;
  readonly cpuLimit: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
}

/** HOME of a runner, and /tmp of the agent's pod, have 2 GiB for the files that a run is given and those that it leaves. */
const MAX_RUN_FILES_MEGABYTES = 1000;

/** Limits of the files of runs, in mebibytes: of one, of those of a run, and of all. */
interface FileLimits {
  readonly fileMegabytes: number;
  readonly runFilesMegabytes: number;
  readonly filesMegabytes: number;
}

/** Limits of the run records. Above any of them the oldest records are removed. */
export interface RecordLimits {
  readonly days: number;
  readonly count: number;
  readonly megabytes: number;
}

/** Which nodes the pods run on. */
export interface Placement {
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
}

/**
 * The configuration of one stack, checked. Pulumi.yaml describes every key and has its default; `agentEnvironment` and
 * `watchdogPod` in `stack/components` turn it into variables of the pods.
 */
export interface StackConfig {
  readonly target: 'local' | 'azure';
  /** Undefined for another target. */
  readonly azure: AzureConfig | undefined;
  /** Undefined: the current context of the kubeconfig. */
  readonly kubeContext: string | undefined;
  readonly registry: string;
  /** An image by digest, to run instead of building one. */
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
  /** One token, or two separated by a space while it is rotated, the newer one last. */
  readonly agentToken: pulumi.Output<string> | undefined;
  readonly callers: readonly CallerSetting[];
  readonly budgets: readonly BudgetSetting[];
  readonly gitHosts: GitHostsConfig;
  /** A JSON object: tokens and private keys by name. */
  readonly gitCredentials: pulumi.Output<string> | undefined;
  readonly gitMegabytes: number;
  /** JSON objects: MCP servers by name, and settings of `claude`. */
  readonly mcpServers: pulumi.Output<string> | undefined;
  readonly claudeSettings: pulumi.Output<string> | undefined;
  /** Undefined: Claude Code chooses. */
  readonly model: string | undefined;
  readonly permissionMode: PermissionMode;
  /** What a person must allow in every run, and how many minutes that may take. */
  readonly approve: readonly string[];
  readonly decisionMinutes: number;
  /** Undefined: `claude` runs in the agent's pod. */
  readonly runners: RunnersConfig | undefined;
  /** Without runners, how many runs may be in progress. */
  readonly slots: number;
  readonly queueLimit: number;
  readonly onUsageLimit: OnUsageLimit;
  readonly maxRunMinutes: number;
  readonly warmStart: boolean;
  readonly warmStartFreeMegabytes: number;
  readonly graceSeconds: number;
  readonly records: RecordLimits;
  readonly files: FileLimits;
  readonly transcriptDays: number;
  readonly logLevel: string;
  readonly resources: Resources;
  readonly workspace: WorkspaceConfig;
  readonly volumeSize: string;
  /** Undefined: the cluster's default. */
  readonly storageClass: string | undefined;
  readonly protectData: boolean;
  readonly n8nNamespace: string;
  /** Empty: every pod of the namespace. */
  readonly n8nPodLabels: Readonly<Record<string, string>>;
  /** The port of n8n's pods. */
  readonly n8nPort: number;
  /** In addition to n8n's own Service. */
  readonly callbackHosts: readonly string[];
  readonly callbackGiveUpHours: number;
  readonly callbackSecret: pulumi.Output<string> | undefined;
  /** Undefined: no Prometheus may read the metrics. */
  readonly prometheusNamespace: string | undefined;
  /** Undefined: Anthropic's own API. */
  readonly anthropicBaseUrl: string | undefined;
  readonly extraEgress: readonly Egress[];
  /** Undefined: no proxy. */
  readonly httpsProxy: string | undefined;
  /** Separated by commas. Undefined: only addresses in the cluster. */
  readonly noProxy: string | undefined;
  /** In PEM. Undefined: none besides the public authorities. */
  readonly extraCertificates: string | undefined;
  readonly tracing: TracingConfig;
  /** Headers for the collector, as in `OTEL_EXPORTER_OTLP_HEADERS`. */
  readonly otlpHeaders: pulumi.Output<string> | undefined;
  readonly placement: Placement;
  readonly extraLabels: Readonly<Record<string, string>>;
  readonly podAnnotations: Readonly<Record<string, string>>;
  readonly watchdogSchedule: string;
  /** Undefined: the watchdog sends no cards. */
  readonly teamsWebhookUrl: pulumi.Output<string> | undefined;
  /** Undefined: the watchdog pauses no workflows. */
  readonly n8nApiUrl: string | undefined;
  readonly n8nApiKey: pulumi.Output<string> | undefined;
  readonly n8nUrl: string | undefined;
  readonly n8nTag: string;
  /** Undefined: nothing outside of the cluster reaches the agent. */
  readonly ingress: IngressConfig | undefined;
  /** With `ingress`, its host unless it is set. */
  readonly pageUrl: string | undefined;
  readonly guideUrl: string | undefined;
  readonly reminderHours: number;
  readonly maintenanceReason: string;
  readonly maintenanceMinutes: number;
  /** Every key with its value as text, secrets left out. */
  readonly plain: Readonly<Record<string, string>>;
}

/**
 * Reads and checks the configuration; the stack's only reader of it.
 * @throws ConfigError that lists every invalid value: key, value (never a secret's), what is allowed.
 */
export function readConfig(source: ConfigSource): StackConfig {
  const read = new ConfigReader(source);
  const secret = (key: keyof typeof SECRETS) => read.secret(key, SECRETS[key]);
  const target = read.oneOf('target', ['local', 'azure']);
  const platform = read.oneOf('platform', ['linux/amd64', 'linux/arm64']);
  const authMode = read.oneOf('authMode', AUTH_MODES);
  const runners = readRunners(read);
  const callers = readCallers(read);
  const ingress = readIngress(read);
  const config = {
    target,
    azure: readAzureConfig(read, target, platform),
    kubeContext: read.optional('kubeContext', ...TEXT.context),
    registry: read.text('registry', ...TEXT.registry),
    pinnedImage: read.optional('image', ...TEXT.imageByDigest),
    nodeImage: read.text('nodeImage', ...TEXT.image),
    platform,
    authMode,
    claudeToken: secret('claudeToken'),
    federation: readFederation(read, authMode === 'federation'),
    sessionDir: read.optional('sessionDir', ...TEXT.folder),
    sessionFrom: read.oneOf('sessionFrom', ['folder', 'cluster']),
    sessionExtras: read.list('sessionExtras', ...EXTRAS),
    agentToken: secret('agentToken'),
    callers,
    budgets: readBudgets(read, callers),
    gitHosts: readGitHosts(read, source.peek('gitCredentials')),
    gitCredentials: secret('gitCredentials'),
    gitMegabytes: read.integer('gitMegabytes', 1, 100_000),
    mcpServers: secret('mcpServers'),
    claudeSettings: secret('claudeSettings'),
    model: read.optional('model', ...TEXT.model),
    permissionMode: read.oneOf('permissionMode', PERMISSION_MODES),
    approve: read.list('approve', ...APPROVE),
    decisionMinutes: read.integer('decisionMinutes', 1, MAX_DECISION_MINUTES),
    runners,
    slots: read.integer('slots', 1, MAX_SLOTS),
    queueLimit: read.integer('queueLimit', 0, 10_000),
    onUsageLimit: read.oneOf('onUsageLimit', ON_USAGE_LIMIT),
    maxRunMinutes: read.integer('maxRunMinutes', 1, MAX_RUN_MINUTES),
    warmStart: read.boolean('warmStart'),
    warmStartFreeMegabytes: read.integer('warmStartFreeMegabytes', 0, 10_000_000),
    graceSeconds: read.integer('graceSeconds', 1, 3600),
    files: {
      fileMegabytes: read.integer('fileMegabytes', 1, MAX_RUN_FILES_MEGABYTES, NaN),
      runFilesMegabytes: read.integer('runFilesMegabytes', 1, MAX_RUN_FILES_MEGABYTES, NaN),
      filesMegabytes: read.integer('filesMegabytes', 1, 1_000_000, NaN),
    },
    records: {
      days: read.integer('recordDays', 1, 3650),
      count: read.integer('recordCount', 1, 1_000_000),
      megabytes: read.integer('recordMegabytes', 10, 100_000),
    },
    transcriptDays: read.integer('transcriptDays', 0, 3650),
    logLevel: read.oneOf('logLevel', LOG_LEVELS),
    resources: {
      cpuRequest: read.text('cpuRequest', ...TEXT.cpu),
      cpuLimit: read.text('cpuLimit', ...TEXT.cpu),
      memoryRequest: read.text('memoryRequest', ...TEXT.bytes),
      memoryLimit: read.text('memoryLimit', ...TEXT.bytes),
    },
    workspace: readWorkspace(read, runners),
    volumeSize: read.text('volumeSize', ...TEXT.bytes),
    storageClass: read.optional('storageClass', ...TEXT.storageClass),
    protectData: read.boolean('protectData'),
    n8nNamespace: read.text('n8nNamespace', ...TEXT.namespace),
    n8nPodLabels: read.map('n8nPodLabels', SELECTOR),
    n8nPort: read.integer('n8nPort', 1, 65_535),
    callbackHosts: read.list('callbackHosts', ...CALLBACK_HOSTS),
    callbackGiveUpHours: read.integer('callbackGiveUpHours', 1, 168),
    callbackSecret: secret('callbackSecret'),
    prometheusNamespace: read.optional('prometheusNamespace', ...TEXT.namespace),
    anthropicBaseUrl: read.optional('anthropicBaseUrl', ...TEXT.url),
    extraEgress: read.list('extraEgress', ...EGRESS),
    httpsProxy: read.optional('httpsProxy', ...TEXT.proxy),
    noProxy: read.optional('noProxy', ...TEXT.hosts),
    extraCertificates: readCertificates(read),
    tracing: readTracing(read),
    otlpHeaders: secret('otlpHeaders'),
    placement: {
      nodeSelector: read.map('nodeSelector', SELECTOR),
      tolerations: read.list('tolerations', ...TOLERATIONS),
    },
    extraLabels: read.map('extraLabels', LABELS),
    podAnnotations: read.map('podAnnotations', ANNOTATIONS),
    watchdogSchedule: read.text('watchdogSchedule', ...TEXT.cron),
    teamsWebhookUrl: secret('teamsWebhookUrl'),
    n8nApiUrl: read.optional('n8nApiUrl', ...TEXT.url),
    n8nApiKey: secret('n8nApiKey'),
    n8nUrl: read.optional('n8nUrl', ...TEXT.url),
    n8nTag: read.text('n8nTag', ...TEXT.tag),
    ingress,
    pageUrl: read.optional('pageUrl', ...TEXT.page) ?? (ingress && `https://${ingress.host}`),
    guideUrl: read.optional('guideUrl', ...TEXT.guide),
    reminderHours: read.integer('reminderHours', 1, 168),
    maintenanceReason: read.text('maintenanceReason', ...TEXT.reason),
    maintenanceMinutes: read.integer('maintenanceMinutes', 1, 10_080),
  };
  const hasN8nApiKey = source.peek('n8nApiKey') !== undefined;
  const hasOtlpHeaders = source.peek('otlpHeaders') !== undefined;
  for (const mistake of crossChecks({ ...config, hasN8nApiKey, hasOtlpHeaders })) read.mistake(mistake);
  read.finish();
  return Object.freeze({ ...config, plain: read.plain() });
}
