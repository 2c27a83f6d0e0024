import { createHash } from 'node:crypto';

type Json = Record<string, unknown>;

const guid = (text: string): string =>
  createHash('sha256')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');

/** What the responses are built from. */
export interface ArmSettings {
  readonly subscription: string;
  /** The address of every registry. */
  readonly loginServer: string;
  /** The credentials of every cluster. */
  readonly kubeconfig: string;
}

const VERSION = '1.34.4';

/** A body as Azure stores it: with defaults for omitted properties, and with unchangeable properties kept. */
export function withDefaults(token: string, inputs: Json, before: Json | undefined): Json {
  if (token === 'azure-native:containerservice:AgentPool') {
    return { orchestratorVersion: VERSION, maxPods: 250, osDiskType: 'Managed', ...inputs };
  }
  if (token !== 'azure-native:containerservice:ManagedCluster') return inputs;
  const pools = (inputs['agentPoolProfiles'] as { name: string }[]).map((pool) => ({
    orchestratorVersion: VERSION,
    maxPods: 250,
    ...pool,
  }));
  // A pool that a PUT omits stays.
  const kept = ((before?.['agentPoolProfiles'] ?? []) as { name: string }[]).filter(
    ({ name }) => !pools.some((pool) => pool.name === name),
  );
  const network = {
    podCidr: '10.244.0.0/16',
    serviceCidr: '10.0.0.0/16',
    ...(inputs['networkProfile'] as Json | undefined),
  };
  return {
    kubernetesVersion: VERSION,
    supportPlan: 'KubernetesOfficial',
    ...inputs,
    networkProfile: network,
    agentPoolProfiles: [...pools, ...kept],
  };
}

/** The properties that Azure adds to the body of a resource. */
export function readOnlyOf(token: string, id: string, body: Json, { loginServer, subscription }: ArmSettings): Json {
  const name = id.slice(id.lastIndexOf('/') + 1);
  const common = { name, provisioningState: 'Succeeded', azureApiVersion: 'double' };
  switch (token) {
    case 'azure-native:containerregistry:Registry':
      return { ...common, loginServer };
    case 'azure-native:containerservice:ManagedCluster':
      return {
        ...common,
        fqdn: `${name}.hcp.example.azmk8s.io`,
        ...(body['oidcIssuerProfile'] !== undefined && {
          oidcIssuerProfile: { enabled: true, issuerURL: `https://oidc.example.org/${guid(id)}/` },
        }),
        // A cluster with a service principal has no identity for its nodes.
        ...(body['servicePrincipalProfile'] === undefined && {
          identityProfile: {
            kubeletidentity: {
              objectId: guid(`${id}kubelet`),
              clientId: guid(`${id}client`),
              resourceId: `${id}-agentpool`,
            },
          },
        }),
      };
    case 'azure-native:managedidentity:UserAssignedIdentity':
      return {
        ...common,
        clientId: guid(`${id}client`),
        principalId: guid(`${id}principal`),
        tenantId: guid(subscription),
      };
    case 'azure-native:operationalinsights:Workspace':
      return { ...common, customerId: guid(id) };
    default:
      return common;
  }
}
