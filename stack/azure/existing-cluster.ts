import { getManagedClusterOutput } from '@pulumi/azure-native/containerservice/getManagedCluster.js';
import * as pulumi from '@pulumi/pulumi';

import type { Cluster } from './cluster.ts';

/** Looks up an existing cluster and leaves it unchanged. */
export function existingCluster(group: string, clusterName: string, opts: pulumi.InvokeOutputOptions): Cluster {
  const found = getManagedClusterOutput({ resourceGroupName: group, resourceName: clusterName }, opts);
  void found.apply(({ networkProfile }) => {
    if ((networkProfile?.networkPolicy ?? 'none') !== 'none') return;
    void pulumi.log.warn(
      `The cluster ${clusterName} has no network policy engine, so the network policies are not enforced. To add one, try \`az aks update --resource-group ${group} --name ${clusterName} --network-policy …\`.`,
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
