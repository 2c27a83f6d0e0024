import { RoleAssignment } from '@pulumi/azure-native/authorization/roleAssignment.js';
import * as pulumi from '@pulumi/pulumi';

import { npmRun } from '../next-command.ts';
import type { Cluster } from './cluster.ts';
import { guidOf } from './guid.ts';
import type { ContainerRegistry } from './registry.ts';

/** Arguments of {@link pullGrant}. */
export interface PullGrantArgs {
  readonly registry: ContainerRegistry;
  readonly cluster: Cluster;
  readonly clusterName: string;
  readonly registryName: string;
  readonly subscription: string;
}

/** Azure's built-in role AcrPull, the same in every tenant. */
const ACR_PULL = '7f951dda-4ed3-4680-a7ca-43fe172d538d';

/** Lets the cluster's nodes pull from the registry. The operator needs the right to assign roles there. */
export function pullGrant(
  name: string,
  { registry, registryName, cluster, clusterName, subscription }: PullGrantArgs,
  opts: pulumi.CustomResourceOptions,
): RoleAssignment {
  const principalId = pulumi
    .all([cluster.kubeletObjectId, cluster.resourceGroupName])
    .apply(([id, group]) => pullerOf(id, group, clusterName, registryName));
  return new RoleAssignment(
    name,
    {
      scope: registry.id,
      roleAssignmentName: pulumi.all([registry.id, principalId]).apply(([scope, id]) => guidOf(scope, id, ACR_PULL)),
      roleDefinitionId: `/subscriptions/${subscription}/providers/Microsoft.Authorization/roleDefinitions/${ACR_PULL}`,
      principalId,
      // Azure then takes an identity that Entra has not heard of everywhere yet.
      principalType: 'ServicePrincipal',
    },
    opts,
  );
}

/** @throws Error with the command that mends it where a cluster has no such identity. */
export function pullerOf(
  objectId: string | undefined,
  group: string,
  clusterName: string,
  registryName: string,
): string {
  if (objectId !== undefined) return objectId;
  throw new Error(
    `The cluster ${clusterName} has no identity to pull images with. Let it pull by another way: \`az aks update --resource-group ${group} --name ${clusterName} --attach-acr ${registryName}\`; then \`${npmRun('pulumi', 'config set azureGrantPull false')}\`.`,
  );
}
