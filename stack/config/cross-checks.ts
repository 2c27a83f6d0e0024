import { CALLBACK_HOST } from '../../agent/contract.ts';
import { parseAddress } from '../../agent/git/address.ts';
import { isObject } from '../../agent/rule-values.ts';
import type { Egress } from './items.ts';
import { quantity } from './quantity.ts';
import { isTraced } from './tracing.ts';
import type { TracingConfig } from './tracing.ts';

/** The part of the configuration whose keys concern each other. */
export interface CrossChecked {
  readonly target: string;
  readonly runners: { readonly count: number } | undefined;
  readonly slots: number;
  readonly permissionMode: string;
  readonly approve: readonly string[];
  /** Undefined: another kind of credential. */
  readonly federation: object | undefined;
  readonly kubeContext: string | undefined;
  readonly n8nNamespace: string;
  readonly callbackHosts: readonly string[];
  readonly resources: Readonly<Record<'cpuRequest' | 'cpuLimit' | 'memoryRequest' | 'memoryLimit', string>>;
  readonly records: { readonly megabytes: number };
  readonly files: Readonly<Record<'fileMegabytes' | 'runFilesMegabytes' | 'filesMegabytes', number>>;
  readonly volumeSize: string;
  readonly anthropicBaseUrl: string | undefined;
  readonly httpsProxy: string | undefined;
  readonly extraEgress: readonly Egress[];
  /** As they were read: their mistakes are reported, but still in them. */
  readonly gitHosts: readonly unknown[];
  readonly n8nApiUrl: string | undefined;
  readonly tracing: TracingConfig;
  readonly ingress: { readonly host: string } | undefined;
  readonly pageUrl: string | undefined;
  /** Whether the secrets are set; their values are not available to the npm commands. */
  readonly hasN8nApiKey: boolean;
  readonly hasOtlpHeaders: boolean;
}

/** Errors that concern more than one key. A quantity that is invalid by itself is not compared. */
export function crossChecks(config: CrossChecked): string[] {
  const { resources, records, files, anthropicBaseUrl, httpsProxy } = config;
  const { fileMegabytes: ofFile, runFilesMegabytes: ofRun, filesMegabytes: ofAll } = files;
  return [
    ...(config.target === 'azure' && config.kubeContext !== undefined
      ? [
          'kubeContext is only for target local; with target azure, azureCluster is the cluster. Leave kubeContext empty.',
        ]
      : []),
    ...slotsBesideRunners(config),
    ...rulesThatDoNotHold(config),
    ...clearText(config),
    ...above('cpuRequest', resources.cpuRequest, 'cpuLimit', resources.cpuLimit),
    ...above('memoryRequest', resources.memoryRequest, 'memoryLimit', resources.memoryLimit),
    ...above('recordMegabytes', `${records.megabytes}M`, 'volumeSize', config.volumeSize),
    ...above('fileMegabytes', `${ofFile}Mi`, 'runFilesMegabytes', `${ofRun}Mi`),
    ...above('runFilesMegabytes', `${ofRun}Mi`, 'filesMegabytes', `${ofAll}Mi`),
    ...outOfReach('anthropicBaseUrl', anthropicBaseUrl, config),
    ...outOfReach('httpsProxy', httpsProxy, config),
    ...outOfReach('otlpEndpoint', config.tracing.endpoint, config),
    ...outOfReach('otlpTracesEndpoint', config.tracing.tracesEndpoint, config),
    ...oneWithoutOther(config),
    ...headersForNobody(config),
    ...pageElsewhere(config),
    ...(ofN8n(config) ? [] : outOfReach('n8nApiUrl', config.n8nApiUrl, config)),
    ...config.gitHosts.flatMap((host, index) => gitHostOutOfReach(host, index, config)),
    ...config.callbackHosts.flatMap((host, index) => hostOutOfReach(host, index, config)),
  ];
}

function slotsBesideRunners({ runners, slots }: CrossChecked): string[] {
  if (runners === undefined || slots === 1) return [];
  return [
    `slots is ${slots}, but runs are in progress on runners (runners is ${runners.count}), and not in the agent's pod. Set runners to ${slots} and remove slots, or set runners to 0.`,
  ];
}

/** The agent refuses the same when it starts, as measured with the pinned `claude`. */
function rulesThatDoNotHold({ approve, permissionMode }: CrossChecked): string[] {
  if (approve.length > 0 && ['dontAsk', 'plan'].includes(permissionMode)) {
    return [
      `approve is set, but permissionMode is ${permissionMode}, in which claude asks nobody. Set permissionMode to bypassPermissions, acceptEdits or default.`,
    ];
  }
  const pattern = approve.find((rule) => rule.includes('('));
  return pattern === undefined || permissionMode !== 'bypassPermissions'
    ? []
    : [
        `approve has the pattern ${pattern}, but permissionMode is bypassPermissions, in which other spellings of the command go by it. Use Bash in its place, or set permissionMode to acceptEdits or default.`,
      ];
}

/** Destinations that are open to agent and watchdog. */
const opened = ({ extraEgress }: CrossChecked): readonly Egress[] =>
  extraEgress.filter((place) => place.for !== 'runners');

function hostOutOfReach(host: string, index: number, config: CrossChecked): string[] {
  const { hostname = '', port = '443' } = CALLBACK_HOST.exec(host)?.groups ?? {};
  const namespace = /(?:^|\.)([^.]+)\.svc(?:\.|$)/.exec(hostname)?.[1];
  const isOpen = namespace === undefined ? port === '443' : namespace === config.n8nNamespace;
  if (isOpen || opened(config).length > 0) return [];
  return [
    `callbackHosts[${index}] is ${host}, which the network policy blocks. Allow it in extraEgress, such as [{"namespace": "tools", "port": 8080}].`,
  ];
}

function above(key: string, value: string, limitKey: string, limit: string): string[] {
  return quantity(value) > quantity(limit) ? [`${key} is ${value}, above ${limitKey} (${limit}).`] : [];
}

/** URLs to which `claude` sends no identity token. */
const CLEARTEXT = /^http:\/\/(?!(localhost|127\.0\.0\.1|\[::1\])([:/]|$))/;

function clearText({ federation, anthropicBaseUrl = '' }: CrossChecked): string[] {
  if (federation === undefined || !CLEARTEXT.test(anthropicBaseUrl)) return [];
  return [
    `anthropicBaseUrl is ${anthropicBaseUrl}; with authMode federation it must start with https://, because the pod's identity token is sent there.`,
  ];
}

function oneWithoutOther({ n8nApiUrl, hasN8nApiKey }: CrossChecked): string[] {
  if ((n8nApiUrl !== undefined) === hasN8nApiKey) return [];
  const [has, lacks] = hasN8nApiKey ? ['n8nApiKey', 'n8nApiUrl'] : ['n8nApiUrl', 'n8nApiKey'];
  return [`${has} is set, but ${lacks} is not. The watchdog needs both to pause workflows. Set both or neither.`];
}

function headersForNobody({ tracing, hasOtlpHeaders }: CrossChecked): string[] {
  return hasOtlpHeaders && !isTraced(tracing)
    ? [
        'otlpHeaders is set, but otlpEndpoint is not, so the agent makes no spans. Set otlpEndpoint, or remove otlpHeaders.',
      ]
    : [];
}

/** The host leads to the whole agent, whose page is at the root. */
function pageElsewhere({ ingress, pageUrl }: CrossChecked): string[] {
  const own = `https://${ingress?.host ?? ''}`;
  if (ingress === undefined || pageUrl === undefined || [own, `${own}/`].includes(pageUrl)) return [];
  return [`pageUrl is ${pageUrl}, but host is ${ingress.host}, so that the page is at ${own}. Remove one of them.`];
}

/** Whether the URL is n8n's own Service, by any of its names in the cluster. */
function ofN8n({ n8nApiUrl, n8nNamespace }: CrossChecked): boolean {
  const [, namespace, ...rest] = n8nApiUrl === undefined ? [] : new URL(n8nApiUrl).hostname.split('.');
  return namespace === n8nNamespace && (rest.length === 0 || rest[0] === 'svc');
}

/** The pods can reach only port 443 of the internet, unless the config opens more. */
function outOfReach(key: string, address: string | undefined, config: CrossChecked): string[] {
  if (!address || opened(config).length > 0) return [];
  const { hostname, port, protocol } = new URL(address);
  const inCluster = /\.svc(\.|$)/.test(hostname);
  if (!inCluster && (port || (protocol === 'https:' ? '443' : '80')) === '443') return [];
  return [
    `${key} is ${address}, which the network policy blocks. Allow it in extraEgress, such as [{"namespace": "llm", "port": 8080}].`,
  ];
}

/** All repositories of an entry have the same host. */
function gitHostOutOfReach(entry: unknown, index: number, config: CrossChecked): string[] {
  const repositories: unknown = isObject(entry) ? entry['repositories'] : undefined;
  const first: unknown = Array.isArray(repositories) ? repositories[0] : undefined;
  const { address } = typeof first === 'string' ? parseAddress(first) : {};
  return address ? outOfReach(`gitHosts[${index}].repositories[0]`, `https://${address.host}`, config) : [];
}
