import { listManagedClusterUserCredentialsOutput } from '@pulumi/azure-native/containerservice/listManagedClusterUserCredentials.js';
import { Provider } from '@pulumi/azure-native/provider.js';
import { getResourceGroupOutput } from '@pulumi/azure-native/resources/getResourceGroup.js';
import { ResourceGroup } from '@pulumi/azure-native/resources/resourceGroup.js';
import * as pulumi from '@pulumi/pulumi';

import type { Target } from '../components/target.ts';
import { KubernetesCluster } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { tags } from './place.ts';
import type { Place } from './place.ts';
import type { AzureConfig } from '../config/azure.ts';
import { existingCluster } from './existing-cluster.ts';
import { WorkloadIdentity } from './identity.ts';
import { diagnostics } from './insights.ts';
import { byAzureCli, firstKubeconfig } from './kubeconfig.ts';
import { LogWorkspace } from './logs.ts';
import { loginToRegistry } from './operator.ts';
import { portalLinks } from './portal.ts';
import { pullGrant } from './pull-grant.ts';
import { ContainerRegistry } from './registry.ts';

/** Arguments of {@link AzureTarget}. */
export interface AzureTargetArgs {
  readonly azure: AzureConfig;
  readonly protectData: boolean;
}

/** Registry, cluster and everything that belongs to them in Azure. What exists is looked up and stays unchanged. */
export class AzureTarget extends pulumi.ComponentResource implements Target {
  readonly registry: pulumi.Output<string>;
  readonly beforePush: () => Promise<void>;
  readonly access: { readonly kubeconfig: pulumi.Output<string> };
  readonly ready: readonly pulumi.Resource[];
  readonly identityClientId: pulumi.Output<string> | undefined;
  readonly portal: pulumi.Output<Record<string, string>>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, { azure, protectData }: AzureTargetArgs, opts?: pulumi.ComponentResourceOptions) {
    super(
      'claude-code-agent:azure:AzureTarget',
      name,
      {},
      {
        ...opts,
        providers: [new Provider(`${name}-provider`, { subscriptionId: azure.subscription }, opts)],
      },
    );
    const child = { parent: this };
    const group = makesSomething(azure) ? this.#group(name, azure, protectData) : undefined;
    const place: Place = {
      resourceGroupName: group?.name ?? azure.resourceGroup,
      location: azure.location,
    };
    const logs =
      azure.logs && new LogWorkspace(`${name}-logs`, { ...azure, logs: azure.logs, place, protectData }, child);
    const registry = new ContainerRegistry(`${name}-registry`, { ...azure, place, protectData }, child);
    const cluster = this.#cluster(name, azure, place, logs, protectData);
    const clusterName = azure.cluster.name;
    const identity =
      azure.identity &&
      new WorkloadIdentity(`${name}-identity`, { identity: azure.identity, place, cluster, clusterName }, child);
    if (logs !== undefined && azure.registry.kind === 'made') {
      const categories = ['ContainerRegistryLoginEvents', 'ContainerRegistryRepositoryEvents'];
      diagnostics(`${name}-registry-diagnostics`, registry.id, logs, categories, child);
    }
    const grant =
      azure.grantPull &&
      pullGrant(
        `${name}-pull`,
        { registry, registryName: azure.registry.name, cluster, clusterName, subscription: azure.subscription },
        child,
      );

    this.registry = registry.loginServer;
    this.beforePush = () => loginToRegistry(azure.registry.name, azure.subscription);
    this.access = { kubeconfig: this.#kubeconfig(cluster) };
    this.ready = [...cluster.ready, ...(grant ? [grant] : []), ...(identity ? [identity.credential] : [])];
    this.identityClientId = identity?.clientId;
    this.portal = portalLinks({
      resourceGroup: group?.id,
      workloads: cluster.id,
      registry: registry.id,
      logs: logs?.id,
      identity: identity?.id,
    });
    this.registerOutputs();
  }

  #group(name: string, { resourceGroup, makeResourceGroup, location }: AzureConfig, protect: boolean) {
    if (!makeResourceGroup) return getResourceGroupOutput({ resourceGroupName: resourceGroup }, { parent: this });
    return new ResourceGroup(
      `${name}-group`,
      { resourceGroupName: resourceGroup, location, tags: tags() },
      { parent: this, protect },
    );
  }

  #cluster(
    name: string,
    { cluster, madeCluster }: AzureConfig,
    place: Place,
    logs: LogWorkspace | undefined,
    protectData: boolean,
  ): Cluster {
    if (cluster.kind === 'existing') return existingCluster(cluster.group, cluster.name, { parent: this });
    const args = { clusterName: cluster.name, cluster: madeCluster, place, logs, protectData };
    return new KubernetesCluster(`${name}-cluster`, args, { parent: this });
  }

  #kubeconfig({ name, resourceGroupName }: Cluster): pulumi.Output<string> {
    const { kubeconfigs } = listManagedClusterUserCredentialsOutput(
      { resourceGroupName, resourceName: name, format: 'exec' },
      { parent: this },
    );
    return pulumi.secret(kubeconfigs.apply((list) => byAzureCli(firstKubeconfig(list))));
  }
}

function makesSomething({ registry, cluster, identity, logs }: AzureConfig): boolean {
  return [registry, cluster, identity, logs].some((named) => named?.kind === 'made');
}
