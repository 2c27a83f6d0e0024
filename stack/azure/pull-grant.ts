import { createHash } from 'node:crypto';

import { RoleAssignment } from '@pulumi/azure-native/authorization/roleAssignment.js';
import * as pulumi from '@pulumi/pulumi';

import { npmRun } from '../next-command.ts';
import type { Cluster } from './cluster.ts';
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
      // With it Azure accepts an identity that Entra has not replicated everywhere yet.
      principalType: 'ServicePrincipal',
    },
    opts,
  );
}

/** @throws Error with the command that fixes it when a cluster has no such identity. */
function pullerOf(objectId: string | undefined, group: string, clusterName: string, registryName: string): string {
  if (objectId !== undefined) return objectId;
  throw new Error(
    `The cluster ${clusterName} has no identity to pull images with. Attach the registry instead: \`az aks update --resource-group ${group} --name ${clusterName} --attach-acr ${registryName}\`. Then run \`${npmRun('pulumi', 'config set azureGrantPull false')}\`.`,
  );
}

/** A GUID that is the same for the same parts on every machine, in the form of RFC 9562's version 8. */
function guidOf(...parts: readonly string[]): string {
  const hex = createHash('sha256').update(parts.join('\0')).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
