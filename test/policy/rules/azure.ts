import { kindOf } from '../objects.ts';
import { when } from '../rule.ts';
import type { Resource, Rule } from '../rule.ts';

const isAzure = ({ type }: Resource): boolean => type.startsWith('azure-native:');

/** A rule for Azure resources of one kind, or of every kind. */
const about = <Inputs>(
  kind: string | undefined,
  must: string,
  check: (inputs: Partial<Inputs>) => readonly string[],
): Rule => ({
  must,
  check: (resource) =>
    isAzure(resource) && (kind === undefined || kindOf(resource) === kind)
      ? check(resource.inputs as Partial<Inputs>)
      : [],
});

interface Registry {
  readonly adminUserEnabled: boolean;
  readonly anonymousPullEnabled: boolean;
}
interface Cluster {
  readonly disableLocalAccounts: boolean;
  readonly enableRBAC: boolean;
  readonly aadProfile: { readonly managed?: boolean; readonly enableAzureRBAC?: boolean };
  readonly servicePrincipalProfile: object;
  readonly identity: object;
  readonly oidcIssuerProfile: { readonly enabled?: boolean };
  readonly securityProfile: { readonly workloadIdentity?: { readonly enabled?: boolean } };
  readonly networkProfile: { readonly networkPolicy?: string };
  readonly autoUpgradeProfile: { readonly upgradeChannel?: string; readonly nodeOSUpgradeChannel?: string };
  readonly linuxProfile: object;
}
interface Credential {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/** The built-in role AcrPull. Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const ACR_PULL = '7f951dda-4ed3-4680-a7ca-43fe172d538d';

/** By what input each kind is named, and what Azure takes. Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const NAMES: Readonly<Record<string, readonly [input: string, rule: RegExp]>> = {
  ResourceGroup: ['resourceGroupName', /^[-\w.()]{0,89}[-\w()]$/],
  Registry: ['registryName', /^[a-zA-Z0-9]{5,50}$/],
  ManagedCluster: ['resourceName', /^[a-zA-Z0-9]([-\w]{0,61}[a-zA-Z0-9])?$/],
  AgentPool: ['agentPoolName', /^[a-z][a-z0-9]{0,11}$/],
  UserAssignedIdentity: ['resourceName', /^[a-zA-Z0-9][-\w]{2,127}$/],
  FederatedIdentityCredential: ['federatedIdentityCredentialResourceName', /^[a-zA-Z0-9][-\w]{2,119}$/],
  Workspace: ['workspaceName', /^[a-zA-Z0-9][-a-zA-Z0-9]{2,61}[a-zA-Z0-9]$/],
  DataCollectionRule: ['dataCollectionRuleName', /^[-\w.]{1,63}$/],
  RoleAssignment: ['roleAssignmentName', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  DataCollectionRuleAssociation: ['associationName', /^[^<>%&:\\?/]{1,64}$/],
  DiagnosticSetting: ['name', /^[^<>*%&:\\?+/]{1,260}$/],
};
/** What can't be tagged: parts of other resources. */
const UNTAGGED = [
  'FederatedIdentityCredential',
  'RoleAssignment',
  'DataCollectionRuleAssociation',
  'DiagnosticSetting',
];

/** The rules for Azure resources. */
export const AZURE_RULES: readonly Rule[] = [
  about<Registry>('Registry', 'A registry has no password and no anonymous access.', (inputs) => [
    ...when(inputs.adminUserEnabled !== false, 'adminUserEnabled is not false'),
    ...when(inputs.anonymousPullEnabled !== false, 'anonymousPullEnabled is not false'),
  ]),
  about<Cluster>(
    'ManagedCluster',
    'A cluster accepts only Entra logins, with permissions managed in Azure.',
    (inputs) => [
      ...when(inputs.disableLocalAccounts !== true, 'it has local accounts'),
      ...when(inputs.enableRBAC !== true, 'enableRBAC is not true'),
      ...when(inputs.aadProfile?.managed !== true || inputs.aadProfile.enableAzureRBAC !== true, 'aadProfile'),
    ],
  ),
  about<Cluster>('ManagedCluster', 'A cluster uses identities instead of secrets.', (inputs) => [
    ...when(inputs.servicePrincipalProfile !== undefined, 'it has a service principal'),
    ...when(inputs.identity === undefined, 'it has no identity'),
    ...when(inputs.linuxProfile !== undefined, 'it has an SSH key'),
    ...when(inputs.oidcIssuerProfile?.enabled !== true, 'it has no OIDC issuer'),
    ...when(inputs.securityProfile?.workloadIdentity?.enabled !== true, 'it has no workload identity'),
  ]),
  about<Cluster>('ManagedCluster', 'A cluster has a network policy engine.', (inputs) =>
    when(['none', ''].includes(inputs.networkProfile?.networkPolicy ?? ''), 'it has none'),
  ),
  about<Cluster>('ManagedCluster', 'A cluster installs security updates automatically.', ({ autoUpgradeProfile }) => [
    ...when(['none', ''].includes(autoUpgradeProfile?.upgradeChannel ?? ''), 'no upgradeChannel'),
    ...when(
      ['None', 'Unmanaged', ''].includes(autoUpgradeProfile?.nodeOSUpgradeChannel ?? ''),
      'no nodeOSUpgradeChannel',
    ),
  ]),
  about<{ roleDefinitionId: string; scope: string }>(
    'RoleAssignment',
    'A role allows only pulling images from one registry.',
    (inputs) => [
      ...when(
        inputs.roleDefinitionId?.endsWith(`/${ACR_PULL}`) !== true,
        `it is ${inputs.roleDefinitionId ?? 'not set'}`,
      ),
      ...when(!/\/registr(y|ies)\//i.test(inputs.scope ?? ''), `it holds for ${inputs.scope ?? 'no scope'}`),
    ],
  ),
  about<Credential>(
    'FederatedIdentityCredential',
    "Entra trusts the agent's account of this cluster, and no other.",
    (inputs) => [
      ...when(
        inputs.subject !== 'system:serviceaccount:claude-agent:claude-code-agent',
        `it trusts ${inputs.subject ?? 'nobody'}`,
      ),
      ...when(inputs.issuer?.startsWith('https://') !== true, 'its issuer has no https'),
      ...when(inputs.audiences?.join() !== 'api://AzureADTokenExchange', 'it takes tokens that are for others'),
    ],
  ),
  {
    must: 'An Azure resource has a name that Azure accepts.',
    check: (resource) => {
      if (!isAzure(resource)) return [];
      const [input, rule] = NAMES[kindOf(resource)] ?? [];
      if (input === undefined || rule === undefined) return ['no rule is known for names of its kind'];
      const name = resource.inputs[input];
      return when(typeof name !== 'string' || !rule.test(name), `${input} is ${String(name)}`);
    },
  },
  {
    must: 'An Azure resource has tags that name its owner.',
    check: (resource) => {
      if (!isAzure(resource) || UNTAGGED.includes(kindOf(resource))) return [];
      const tags = (resource.inputs['tags'] ?? {}) as Record<string, string>;
      return ['managed-by', 'project', 'stack'].flatMap((tag) => when(!tags[tag], `no tag ${tag}`));
    },
  },
];
