import { AgentPool } from '@pulumi/azure-native/containerservice/agentPool.js';
import { ManagedCluster } from '@pulumi/azure-native/containerservice/managedCluster.js';
import * as pulumi from '@pulumi/pulumi';

import { tags } from './common.ts';
import type { Place } from './common.ts';
import type { MadeCluster } from './config.ts';
import { containerInsights } from './insights.ts';
import type { LogWorkspace } from './logs.ts';

/** Arguments of {@link KubernetesCluster}. */
export interface KubernetesClusterArgs {
  readonly clusterName: string;
  readonly cluster: MadeCluster;
  readonly place: Place;
  /** Where its logs go. */
  readonly logs: LogWorkspace | undefined;
  /** Refuse to delete it, and the volumes with it. */
  readonly protectData: boolean;
}

/** What the rest needs of a cluster, made or not. */
export interface Cluster {
  readonly id: pulumi.Output<string>;
  /** Known when it is there. */
  readonly name: pulumi.Output<string>;
  readonly resourceGroupName: pulumi.Input<string>;
  /** Issuer of the tokens of its ServiceAccounts; undefined where it has none. */
  readonly issuerUrl: pulumi.Output<string | undefined>;
  /** Object id of the identity that its nodes pull images with; undefined where it has none. */
  readonly kubeletObjectId: pulumi.Output<string | undefined>;
  /** What must be there before a pod can run. */
  readonly ready: readonly pulumi.Resource[];
}

/** Minutes that a node may take to give up its pods: more than the longest grace of a run, an hour. */
const DRAIN_MINUTES = 75;
const UPGRADE = { maxSurge: '33%', drainTimeoutInMinutes: DRAIN_MINUTES };
/** What the autoscaler and the automatic upgrade change by themselves. */
const CHANGES_ITSELF = ['count', 'orchestratorVersion'];

/** An AKS cluster: Entra logins only, tokens for Azure by workload identity, network policies that hold. */
export class KubernetesCluster extends pulumi.ComponentResource implements Cluster {
  readonly id: pulumi.Output<string>;
  readonly name: pulumi.Output<string>;
  readonly resourceGroupName: pulumi.Input<string>;
  readonly issuerUrl: pulumi.Output<string | undefined>;
  readonly kubeletObjectId: pulumi.Output<string | undefined>;
  readonly ready: readonly pulumi.Resource[];

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: KubernetesClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:azure:KubernetesCluster', name, {}, opts);
    const { clusterName, cluster, place, logs, protectData } = args;
    const managed = new ManagedCluster(
      `${name}-cluster`,
      {
        ...place,
        ...access(cluster),
        ...workloads(),
        resourceName: clusterName,
        dnsPrefix: dnsPrefix(clusterName),
        // Azure's own name for it has the names of group, cluster and location, and can become too long.
        nodeResourceGroup: `rg-${clusterName}-nodes`,
        sku: { name: 'Base', tier: cluster.tier },
        identity: { type: 'SystemAssigned' },
        autoUpgradeProfile: { upgradeChannel: 'patch', nodeOSUpgradeChannel: 'NodeImage' },
        agentPoolProfiles: [systemPool(cluster)],
        ...(logs === undefined
          ? {}
          : {
              addonProfiles: {
                omsagent: { enabled: true, config: { logAnalyticsWorkspaceResourceID: logs.id, useAADAuth: 'true' } },
              },
            }),
        tags: tags(),
      },
      {
        parent: this,
        protect: protectData,
        ignoreChanges: [
          'kubernetesVersion',
          ...CHANGES_ITSELF.map((property) => `agentPoolProfiles[*].${property}`),
          // Azure lists the pools below here too, once they are there.
          'agentPoolProfiles[1]',
        ],
      },
    );
    const pool = new AgentPool(
      `${name}-pool`,
      {
        resourceGroupName: place.resourceGroupName,
        resourceName: managed.name,
        agentPoolName: poolName(cluster.vmSize),
        mode: 'User',
        ...machine(cluster.vmSize),
        enableAutoScaling: true,
        count: cluster.nodesMin,
        minCount: cluster.nodesMin,
        maxCount: cluster.nodesMax,
        tags: tags(),
      },
      { parent: this, ignoreChanges: CHANGES_ITSELF },
    );
    if (logs !== undefined) containerInsights(name, { place, logs, clusterId: managed.id }, { parent: this });
    this.name = managed.name;
    this.resourceGroupName = place.resourceGroupName;
    this.id = managed.id;
    // What a profile says of its own is not known before the cluster is there, though the profile is.
    const { id, oidcIssuerProfile, identityProfile } = managed;
    this.issuerUrl = pulumi.all([oidcIssuerProfile, id]).apply(([profile]) => profile?.issuerURL);
    this.kubeletObjectId = pulumi
      .all([identityProfile, id])
      .apply(([profile]) => profile?.['kubeletidentity']?.objectId);
    this.ready = [pool];
    this.registerOutputs({ id: this.id, name: this.name });
  }
}

function access({ adminGroups, apiServerRanges }: MadeCluster) {
  return {
    enableRBAC: true,
    disableLocalAccounts: true,
    aadProfile: { managed: true, enableAzureRBAC: true, adminGroupObjectIDs: [...adminGroups] },
    ...(apiServerRanges.length === 0 ? {} : { apiServerAccessProfile: { authorizedIPRanges: [...apiServerRanges] } }),
  };
}

function workloads() {
  return {
    oidcIssuerProfile: { enabled: true },
    securityProfile: { workloadIdentity: { enabled: true } },
    networkProfile: {
      networkPlugin: 'azure',
      // Pods have addresses of their own, so that a small virtual network is enough.
      networkPluginMode: 'overlay',
      // The engine that Microsoft goes on with; its other one, `azure`, ends in 2028.
      networkDataplane: 'cilium',
      networkPolicy: 'cilium',
    },
  };
}

function machine(vmSize: string) {
  return {
    vmSize,
    osType: 'Linux',
    type: 'VirtualMachineScaleSets',
    upgradeSettings: UPGRADE,
    // A cache on the node has a link-local address, which the network policy for DNS does not let through.
    localDNSProfile: { mode: 'Disabled' },
  };
}

function systemPool({ systemVmSize, systemNodes }: MadeCluster) {
  return {
    name: 'system',
    mode: 'System',
    ...machine(systemVmSize),
    count: systemNodes,
    nodeTaints: ['CriticalAddonsOnly=true:NoSchedule'],
  };
}

/** Standard_D4s_v5 is d4sv5: another size is another pool, which is there before the first one goes. */
function poolName(vmSize: string): string {
  return vmSize
    .replace(/^Standard_/, '')
    .replace(/[^a-zA-Z0-9]/g, '')
    .toLowerCase()
    .slice(0, 12);
}

/** Up to 54 letters, digits and hyphens, with a letter or digit at both ends. */
function dnsPrefix(clusterName: string): string {
  return clusterName.replace(/_/g, '-').slice(0, 54).replace(/-+$/, '');
}
