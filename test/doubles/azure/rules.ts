import type { Stored } from './store.ts';

type Json = Record<string, unknown>;

/** Inputs that Azure refuses although every property has the right type. */
export function mistakesAgainstRules(token: string, inputs: Json, before: Stored | undefined): string[] {
  switch (token) {
    case 'azure-native:containerservice:ManagedCluster':
      return ofCluster(inputs, before?.body);
    case 'azure-native:containerservice:AgentPool':
      return ofPool(inputs);
    case 'azure-native:managedidentity:FederatedIdentityCredential':
      return ofCredential(inputs);
    case 'azure-native:authorization:RoleAssignment':
      return /\/providers\/Microsoft\.Authorization\/roleDefinitions\/[0-9a-f-]{36}$/.test(
        String(inputs['roleDefinitionId']),
      )
        ? []
        : ['roleDefinitionId is no id of a role definition'];
    default:
      return [];
  }
}

interface Pool {
  readonly name: string;
  readonly mode?: string;
  readonly vmSize?: string;
  readonly count?: number;
  readonly nodeTaints?: string[];
}
const poolsOf = (body: Json | undefined): Pool[] => (body?.['agentPoolProfiles'] ?? []) as Pool[];

function ofCluster(inputs: Json, before: Json | undefined): string[] {
  const mistakes: string[] = [];
  const pools = poolsOf(inputs);
  if (!pools.some(({ mode }) => mode === 'System')) mistakes.push('There is no agent pool of mode System.');
  if (!/^(?=.{1,54}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/.test(String(inputs['dnsPrefix']))) {
    mistakes.push('dnsPrefix must be 1 to 54 letters, digits and hyphens.');
  }
  for (const { name, vmSize, count } of pools) {
    if (!/^[a-z][a-z0-9]{0,11}$/.test(name)) mistakes.push(`The name of agent pool ${name} is not valid.`);
    if (vmSize === undefined || count === undefined) mistakes.push(`Agent pool ${name} has no vmSize or count.`);
    const known = poolsOf(before).find((pool) => pool.name === name);
    if (before !== undefined && known === undefined) {
      mistakes.push('A new agent pool was introduced. Adding agent pools to an existing cluster is not allowed.');
    }
    if (known !== undefined && known.vmSize !== vmSize) {
      mistakes.push(`Changing property 'properties.vmSize' of agent pool ${name} is not allowed.`);
    }
  }
  const network = (inputs['networkProfile'] ?? {}) as Record<string, string>;
  if (network['networkDataplane'] === 'cilium' && network['networkPlugin'] !== 'azure') {
    mistakes.push('networkDataplane cilium needs networkPlugin azure.');
  }
  const entra = inputs['aadProfile'] as { managed?: boolean } | undefined;
  if (inputs['disableLocalAccounts'] === true && entra?.managed !== true) {
    mistakes.push('Local accounts can only be disabled where aadProfile is managed.');
  }
  return mistakes;
}

function ofPool({ enableAutoScaling, minCount, maxCount, count }: Json): string[] {
  if (enableAutoScaling !== true) {
    return minCount === undefined && maxCount === undefined ? [] : ['minCount and maxCount are for the autoscaler.'];
  }
  const [least, most, now] = [Number(minCount), Number(maxCount), Number(count)];
  return least <= now && now <= most ? [] : [`minCount ${least}, count ${now}, maxCount ${most} do not agree.`];
}

function ofCredential({ audiences, issuer, subject }: Json): string[] {
  const mistakes: string[] = [];
  if (!Array.isArray(audiences) || audiences.length !== 1) mistakes.push('audiences must have exactly one value.');
  if (!String(issuer).startsWith('https://')) mistakes.push('issuer must be an https URL.');
  if (!/^system:serviceaccount:[^:]+:[^:]+$/.test(String(subject))) mistakes.push('subject is no ServiceAccount.');
  return mistakes;
}
