import type { ConfigReader } from './reader.ts';
import { isArmSize, NAME_RULES } from './azure-names.ts';
import type { NameRule } from './azure-names.ts';

/** A resource that the stack creates, or an existing one, which is only looked up. */
export type Named =
  | { readonly kind: 'made'; readonly name: string }
  | { readonly kind: 'existing'; readonly group: string; readonly name: string };

/** A cluster that the stack creates. */
export interface MadeCluster {
  readonly tier: 'Free' | 'Standard';
  /** Object IDs of the Entra groups whose members administer it. */
  readonly adminGroups: readonly string[];
  /** CIDRs that may reach its API server. Empty: any address; a login is still required. */
  readonly apiServerRanges: readonly string[];
  readonly systemVmSize: string;
  readonly systemNodes: number;
  readonly vmSize: string;
  readonly nodesMin: number;
  readonly nodesMax: number;
}

/** The configuration of the target azure, checked. */
export interface AzureConfig {
  readonly subscription: string;
  readonly location: string;
  readonly resourceGroup: string;
  /** False: it exists. */
  readonly makeResourceGroup: boolean;
  readonly registry: Named;
  readonly registrySku: 'Basic' | 'Standard' | 'Premium';
  /** Whether to let the cluster's nodes pull from the registry. */
  readonly grantPull: boolean;
  readonly cluster: Named;
  readonly madeCluster: MadeCluster;
  /** Undefined: none. */
  readonly identity: Named | undefined;
  /** Undefined: none. */
  readonly logs: Named | undefined;
  readonly logsDays: number;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const CIDR = /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/;
const GROUPS = {
  list: 'a list of object IDs, such as ["00000000-0000-0000-0000-000000000000"]',
  item: 'the object ID of an Entra group (`az ad group show --group NAME --query id --output tsv`)',
};
const RANGES = { list: 'a list of CIDRs, such as ["203.0.113.0/24"]', item: 'A.B.C.D/N' };

/**
 * Reads the keys of the target azure. Their values are checked for every target; keys without a default are required for
 * this one only.
 * @returns undefined for another target.
 */
export function readAzureConfig(read: ConfigReader, target: string, platform: string): AzureConfig | undefined {
  const isTarget = target === 'azure';
  const need = (key: string, rule: NameRule): string =>
    read.text(key, rule.pattern, rule.allowed, { optional: !isTarget });
  const config: AzureConfig = {
    subscription: need('azureSubscription', NAME_RULES.subscription),
    location: need('azureLocation', NAME_RULES.location),
    resourceGroup: need('azureResourceGroup', NAME_RULES.resourceGroup),
    makeResourceGroup: read.boolean('azureMakeResourceGroup'),
    registry: named(read, 'azureRegistry', NAME_RULES.registry, !isTarget),
    registrySku: read.oneOf('azureRegistrySku', ['Basic', 'Standard', 'Premium']),
    grantPull: read.boolean('azureGrantPull'),
    cluster: named(read, 'azureCluster', NAME_RULES.cluster, !isTarget),
    madeCluster: {
      tier: read.oneOf('azureClusterTier', ['Free', 'Standard']),
      adminGroups: read.list('azureAdminGroups', GROUPS, (item) => textLike(item, GUID)),
      apiServerRanges: read.list('azureApiServerRanges', RANGES, (item) => textLike(item, CIDR)),
      systemVmSize: need('azureSystemVmSize', NAME_RULES.vmSize),
      systemNodes: read.integer('azureSystemNodes', 1, 10),
      vmSize: need('azureVmSize', NAME_RULES.vmSize),
      nodesMin: read.integer('azureNodesMin', 1, 100),
      nodesMax: read.integer('azureNodesMax', 1, 100),
    },
    identity: optionalNamed(read, 'azureIdentity', NAME_RULES.identity),
    logs: optionalNamed(read, 'azureLogs', NAME_RULES.workspace),
    logsDays: read.integer('azureLogsDays', 30, 730),
  };
  if (!isTarget) return undefined;
  crossChecks(config, platform, read);
  return Object.freeze(config);
}

function crossChecks(
  { cluster, madeCluster, logs, registry }: AzureConfig,
  platform: string,
  read: ConfigReader,
): void {
  if (cluster.kind === 'existing') {
    if (logs?.kind === 'made' && registry.kind === 'existing') {
      read.mistake(
        'azureLogs names a workspace to create, but nothing would log to it: registry and cluster exist and are not changed. Leave azureLogs empty.',
      );
    }
    return;
  }
  const { adminGroups, nodesMin, nodesMax, vmSize } = madeCluster;
  if (adminGroups.length === 0) {
    read.mistake(
      `azureAdminGroups is empty, so nobody could log in: the cluster has no local accounts. Add ${GROUPS.item} that you are a member of.`,
    );
  }
  if (nodesMin > nodesMax) read.mistake(`azureNodesMin is ${nodesMin}, above azureNodesMax (${nodesMax}).`);
  if (isArmSize(vmSize) !== (platform === 'linux/arm64')) {
    read.mistake(`platform is ${platform}, but machines of azureVmSize ${vmSize} can't run it. Change one of the two.`);
  }
}

/** `NAME` is to be created; `GROUP/NAME` exists, in that resource group. */
function named(read: ConfigReader, key: string, rule: NameRule, optional: boolean): Named {
  const group = NAME_RULES.resourceGroup.pattern.source.slice(1, -1);
  const name = rule.pattern.source.slice(1, -1);
  const value = read.text(
    key,
    new RegExp(`^(${group}/)?(${name})$`, rule.pattern.flags),
    `NAME to create one, or GROUP/NAME for an existing one; NAME is ${rule.allowed}; GROUP is ${NAME_RULES.resourceGroup.allowed}`,
    { optional },
  );
  const slash = value.indexOf('/');
  if (slash < 0) return { kind: 'made', name: value };
  return { kind: 'existing', group: value.slice(0, slash), name: value.slice(slash + 1) };
}

function optionalNamed(read: ConfigReader, key: string, rule: NameRule): Named | undefined {
  const found = named(read, key, rule, true);
  return found.name === '' ? undefined : found;
}

const textLike = (item: unknown, pattern: RegExp): string | undefined =>
  typeof item === 'string' && pattern.test(item) ? item : undefined;
