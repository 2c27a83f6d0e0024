/** How Azure Resource Manager treats one type of resource. */
export interface ArmType {
  /** The input with the name, and the allowed names. A type without this has its name in `id`. */
  readonly nameInput: string;
  readonly name: RegExp;
  /** Its id below `parent`, where NAME stands for the name. */
  readonly path: string;
  /** The prefix of its id. */
  readonly parent: (inputs: Record<string, unknown>, subscription: string) => string;
  /** Inputs that ARM requires although the SDK does not. */
  readonly needs?: readonly string[];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const inSubscription = (_: unknown, subscription: string): string => `/subscriptions/${subscription}`;
const inGroup = (inputs: Record<string, unknown>, subscription: string): string =>
  `/subscriptions/${subscription}/resourceGroups/${text(inputs['resourceGroupName'])}`;
const below =
  (type: string) =>
  (inputs: Record<string, unknown>, subscription: string): string =>
    `${inGroup(inputs, subscription)}/providers/${type}/${text(inputs['resourceName'])}`;
const at =
  (input: string) =>
  (inputs: Record<string, unknown>): string =>
    text(inputs[input]);

const CLUSTERS = 'Microsoft.ContainerService/managedClusters';
const IDENTITIES = 'Microsoft.ManagedIdentity/userAssignedIdentities';

/** By the type's token. Source of the names: Microsoft's "Naming rules and restrictions for Azure resources". */
export const ARM_TYPES: Readonly<Record<string, ArmType>> = {
  'azure-native:resources:ResourceGroup': {
    nameInput: 'resourceGroupName',
    name: /^[\w.()-]{1,90}(?<!\.)$/,
    path: '/resourceGroups/NAME',
    parent: inSubscription,
    needs: ['location'],
  },
  'azure-native:containerregistry:Registry': {
    nameInput: 'registryName',
    name: /^[A-Za-z0-9]{5,50}$/,
    path: '/providers/Microsoft.ContainerRegistry/registries/NAME',
    parent: inGroup,
    needs: ['location'],
  },
  'azure-native:containerservice:ManagedCluster': {
    nameInput: 'resourceName',
    name: /^(?=.{1,63}$)[A-Za-z0-9]([\w-]*[A-Za-z0-9])?$/,
    path: `/providers/${CLUSTERS}/NAME`,
    parent: inGroup,
    needs: ['location', 'dnsPrefix', 'agentPoolProfiles', 'identity'],
  },
  'azure-native:containerservice:AgentPool': {
    nameInput: 'agentPoolName',
    name: /^[a-z][a-z0-9]{0,11}$/,
    path: '/agentPools/NAME',
    parent: below(CLUSTERS),
    needs: ['vmSize', 'count'],
  },
  'azure-native:managedidentity:UserAssignedIdentity': {
    nameInput: 'resourceName',
    name: /^[A-Za-z0-9][\w-]{2,127}$/,
    path: `/providers/${IDENTITIES}/NAME`,
    parent: inGroup,
    needs: ['location'],
  },
  'azure-native:managedidentity:FederatedIdentityCredential': {
    nameInput: 'federatedIdentityCredentialResourceName',
    name: /^[A-Za-z0-9][\w-]{2,119}$/,
    path: '/federatedIdentityCredentials/NAME',
    parent: below(IDENTITIES),
  },
  'azure-native:authorization:RoleAssignment': {
    nameInput: 'roleAssignmentName',
    name: /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    path: '/providers/Microsoft.Authorization/roleAssignments/NAME',
    parent: at('scope'),
  },
  'azure-native:operationalinsights:Workspace': {
    nameInput: 'workspaceName',
    name: /^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$/,
    path: '/providers/Microsoft.OperationalInsights/workspaces/NAME',
    parent: inGroup,
    needs: ['location'],
  },
  'azure-native:monitor:DataCollectionRule': {
    nameInput: 'dataCollectionRuleName',
    name: /^[A-Za-z0-9][\w.-]{0,62}[A-Za-z0-9]$/,
    path: '/providers/Microsoft.Insights/dataCollectionRules/NAME',
    parent: inGroup,
    needs: ['location'],
  },
  'azure-native:monitor:DataCollectionRuleAssociation': {
    nameInput: 'associationName',
    name: /^[A-Za-z0-9][\w.-]{0,62}[A-Za-z0-9]$/,
    path: '/providers/Microsoft.Insights/dataCollectionRuleAssociations/NAME',
    parent: at('resourceUri'),
  },
  'azure-native:monitor:DiagnosticSetting': {
    nameInput: 'name',
    name: /^[^*<>%&:\\?+/]{1,260}$/,
    path: '/providers/Microsoft.Insights/diagnosticSettings/NAME',
    parent: at('resourceUri'),
  },
};
