/** What determines the id of a resource: its type and its inputs. */
export interface Locatable {
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/**
 * The id that a provider will give a resource, derived from its inputs.
 * @param subscription The Azure subscription, if the stack has one.
 * @returns undefined for a type whose ids can't be derived.
 */
export function idOf({ type, inputs = {} }: Locatable, subscription: string | undefined): string | undefined {
  return type.startsWith('kubernetes:') ? objectId(inputs) : azureId(type, inputs, subscription);
}

/** The name of an object, preceded by its namespace if it has one. */
function objectId(inputs: Readonly<Record<string, unknown>>): string | undefined {
  const { name, namespace } = (inputs['metadata'] ?? {}) as { name?: string; namespace?: string };
  return namespace === undefined ? name : `${namespace}/${String(name)}`;
}

const GROUP = '/subscriptions/{subscription}/resourceGroups/{resourceGroupName}';
const CLUSTER = `${GROUP}/providers/Microsoft.ContainerService/managedClusters/{resourceName}`;
const IDENTITY = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}`;
const INSIGHTS = 'providers/Microsoft.Insights';

/** The ids of the types in the stack, with placeholders for inputs. Source: Azure's REST API. */
const AZURE_IDS: Readonly<Record<string, string>> = {
  'azure-native:resources:ResourceGroup': GROUP,
  'azure-native:containerregistry:Registry': `${GROUP}/providers/Microsoft.ContainerRegistry/registries/{registryName}`,
  'azure-native:containerservice:ManagedCluster': CLUSTER,
  'azure-native:containerservice:AgentPool': `${CLUSTER}/agentPools/{agentPoolName}`,
  'azure-native:managedidentity:UserAssignedIdentity': IDENTITY,
  'azure-native:managedidentity:FederatedIdentityCredential': `${IDENTITY}/federatedIdentityCredentials/{federatedIdentityCredentialResourceName}`,
  'azure-native:authorization:RoleAssignment':
    '{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}',
  'azure-native:operationalinsights:Workspace': `${GROUP}/providers/Microsoft.OperationalInsights/workspaces/{workspaceName}`,
  'azure-native:monitor:DataCollectionRule': `${GROUP}/${INSIGHTS}/dataCollectionRules/{dataCollectionRuleName}`,
  'azure-native:monitor:DataCollectionRuleAssociation': `{resourceUri}/${INSIGHTS}/dataCollectionRuleAssociations/{associationName}`,
  'azure-native:monitor:DiagnosticSetting': `{resourceUri}/${INSIGHTS}/diagnosticSettings/{name}`,
};

function azureId(
  type: string,
  inputs: Readonly<Record<string, unknown>>,
  subscription: string | undefined,
): string | undefined {
  const parts: Readonly<Record<string, unknown>> = { ...inputs, subscription };
  const template = AZURE_IDS[type];
  const names = [...(template?.matchAll(/\{(\w+)\}/g) ?? [])].map(([, name = '']) => name);
  if (names.some((name) => typeof parts[name] !== 'string')) return undefined;
  return template?.replace(/\{(\w+)\}/g, (_, name: string) => String(parts[name]));
}
