import { AgentPool } from '@pulumi/azure-native/containerservice/agentPool.js';
import { ManagedCluster } from '@pulumi/azure-native/containerservice/managedCluster.js';
import * as pulumi from '@pulumi/pulumi';

import { access, dnsPrefix, machine, poolName, systemPool, WORKLOADS } from './cluster-inputs.ts';
import { tags } from './place.ts';
import type { Place } from './place.ts';
import type { MadeCluster } from '../config/azure.ts';
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

/** What the other components need of a cluster, created or existing. */
export interface Cluster {
  readonly id: pulumi.Output<string>;
  /** Known once it exists. */
  readonly name: pulumi.Output<string>;
  readonly resourceGroupName: pulumi.Input<string>;
  /** Issuer of the tokens of its ServiceAccounts; undefined if it has none. */
  readonly issuerUrl: pulumi.Output<string | undefined>;
  /** Object ID of the identity with which its nodes pull images; undefined if it has none. */
  readonly kubeletObjectId: pulumi.Output<string | undefined>;
  /** What must exist before a pod can run. */
  readonly ready: readonly pulumi.Resource[];
}

/** An AKS cluster: Entra logins only, tokens for Azure by workload identity, enforced network policies. */
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
        ...WORKLOADS,
        resourceName: clusterName,
        dnsPrefix: dnsPrefix(clusterName),
        // Azure's default name combines group, cluster and location, and can become too long.
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
        // Azure also lists the other pools here, as the autoscaler and upgrades change them.
        ignoreChanges: ['agentPoolProfiles', 'kubernetesVersion'],
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
      { parent: this, ignoreChanges: ['count', 'orchestratorVersion'] },
    );
    if (logs !== undefined) containerInsights(name, { place, logs, clusterId: managed.id }, { parent: this });
    this.id = managed.id;
    this.name = managed.name;
    this.resourceGroupName = place.resourceGroupName;
    this.issuerUrl = managed.oidcIssuerProfile.apply((profile) => profile?.issuerURL ?? '');
    this.kubeletObjectId = managed.identityProfile.apply((profile) => profile?.['kubeletidentity']?.objectId ?? '');
    this.ready = [pool];
    this.registerOutputs({ id: this.id, name: this.name });
  }
}
