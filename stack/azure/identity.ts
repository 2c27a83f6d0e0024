import { FederatedIdentityCredential } from '@pulumi/azure-native/managedidentity/federatedIdentityCredential.js';
import { getUserAssignedIdentityOutput } from '@pulumi/azure-native/managedidentity/getUserAssignedIdentity.js';
import { UserAssignedIdentity } from '@pulumi/azure-native/managedidentity/userAssignedIdentity.js';
import * as pulumi from '@pulumi/pulumi';

import { NAMES } from '../names.ts';
import { npmRun } from '../next-command.ts';
import { tags } from './place.ts';
import type { Place } from './place.ts';
import type { Cluster } from './cluster.ts';
import type { Named } from '../config/azure.ts';

/** Arguments of {@link WorkloadIdentity}. */
export interface WorkloadIdentityArgs {
  readonly identity: Named;
  readonly place: Place;
  readonly cluster: Cluster;
  /** For the names of credentials, of which one identity may have several. */
  readonly clusterName: string;
}

/** An identity in Entra that the agent's ServiceAccount stands for, without a stored secret. It has no role by itself. */
export class WorkloadIdentity extends pulumi.ComponentResource {
  readonly id: pulumi.Output<string>;
  readonly clientId: pulumi.Output<string>;
  /** Trust in the cluster's tokens, which a pod needs from its start. */
  readonly credential: pulumi.Resource;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: WorkloadIdentityArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:azure:WorkloadIdentity', name, {}, opts);
    const { identity, place, cluster, clusterName } = args;
    const group = identity.kind === 'made' ? place.resourceGroupName : identity.group;
    const found =
      identity.kind === 'made'
        ? new UserAssignedIdentity(
            `${name}-identity`,
            { ...place, resourceName: identity.name, tags: tags() },
            { parent: this },
          )
        : getUserAssignedIdentityOutput(
            { resourceGroupName: identity.group, resourceName: identity.name },
            { parent: this },
          );
    this.id = pulumi.output(found.id);
    this.clientId = pulumi.output(found.clientId);
    this.credential = new FederatedIdentityCredential(
      `${name}-credential`,
      {
        resourceGroupName: group,
        resourceName: pulumi.output(found.name),
        federatedIdentityCredentialResourceName: `${NAMES.namespace}-${clusterName}`,
        issuer: pulumi
          .all([cluster.issuerUrl, cluster.resourceGroupName])
          .apply(([url, clusterGroup]) => issuerOf(url, clusterGroup, clusterName)),
        subject: `system:serviceaccount:${NAMES.namespace}:${NAMES.deployment}`,
        audiences: ['api://AzureADTokenExchange'],
      },
      { parent: this },
    );
    this.registerOutputs({ id: this.id, clientId: this.clientId });
  }
}

/** @throws Error with the command that fixes it when a cluster has no issuer. */
function issuerOf(url: string | undefined, group: string, clusterName: string): string {
  if (url !== undefined) return url;
  throw new Error(
    `The cluster ${clusterName} has no OIDC issuer, which azureIdentity needs. Enable it: \`az aks update --resource-group ${group} --name ${clusterName} --enable-oidc-issuer --enable-workload-identity\`. Or do without an identity: \`${npmRun('pulumi', "config set azureIdentity ''")}\`.`,
  );
}
