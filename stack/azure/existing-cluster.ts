import { getManagedClusterOutput } from '@pulumi/azure-native/containerservice/getManagedCluster.js';
import * as pulumi from '@pulumi/pulumi';

import type { Cluster } from './cluster.ts';

/** Looks up a cluster that is there already; it stays as it is. */
export function existingCluster(group: string, clusterName: string, opts: pulumi.InvokeOutputOptions): Cluster {
  const found = getManagedClusterOutput({ resourceGroupName: group, resourceName: clusterName }, opts);
  void found.apply(({ networkProfile }) => {
    if ((networkProfile?.networkPolicy ?? 'none') !== 'none') return;
    void pulumi.log.warn(
      `The cluster ${clusterName} has no network policy engine: nothing holds the pods to the network policies. \`az aks update --resource-group ${group} --name ${clusterName} --network-policy …\` may add one.`,
    );
  });
  return {
    id: found.id,
    name: found.name,
    resourceGroupName: group,
    issuerUrl: found.apply(({ oidcIssuerProfile }) => oidcIssuerProfile?.issuerURL),
    kubeletObjectId: found.apply(({ identityProfile }) => identityProfile?.['kubeletidentity']?.objectId),
    ready: [],
  };
}
