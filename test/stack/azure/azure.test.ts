import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { Arm } from '../../doubles/azure/arm.ts';
import { AKS_SERVER_ID, entraKubeconfig } from '../../doubles/azure/kubeconfig.ts';
import { Store } from '../../doubles/azure/store.ts';
import { failureOf, find, runProgram } from '../program.ts';
import type { ProgramOptions, Rendered } from '../program.ts';

const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555';
const ADMINS = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-claude-agent`;
const SECRET_MARK = '1b47061264138c4ac30d75fd1eb44270';
const KUBECONFIG =
  'apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers:\n  - name: clusterUser\n    user: {}\n';

const MADE = {
  target: 'azure',
  azureSubscription: SUBSCRIPTION,
  azureRegistry: 'exampleacr',
  azureAdminGroups: JSON.stringify([ADMINS]),
};
const EXISTING = {
  target: 'azure',
  azureSubscription: SUBSCRIPTION,
  azureRegistry: 'rg-shared/iiusacr',
  azureCluster: 'rg-shared/aks-shared',
};

function arm(): Arm {
  return new Arm(new Store(), {
    subscription: SUBSCRIPTION,
    loginServer: 'exampleacr.azurecr.io',
    kubeconfig: entraKubeconfig(KUBECONFIG),
  });
}

/** An Azure with an existing registry and cluster. */
function inhabited(cluster: Record<string, unknown> = {}): Arm {
  const azure = arm();
  const place = { resourceGroupName: 'rg-shared', location: 'westeurope' };
  azure.create('azure-native:resources:ResourceGroup', place);
  azure.create('azure-native:containerregistry:Registry', {
    ...place,
    registryName: 'iiusacr',
    sku: { name: 'Basic' },
  });
  azure.create('azure-native:containerservice:ManagedCluster', {
    ...place,
    resourceName: 'aks-shared',
    dnsPrefix: 'shared',
    identity: { type: 'SystemAssigned' },
    agentPoolProfiles: [{ name: 'system', mode: 'System', vmSize: 'Standard_D2s_v5', count: 1 }],
    oidcIssuerProfile: { enabled: true },
    ...cluster,
  });
  return azure;
}

const run = (config: Record<string, string>, options: ProgramOptions = {}) =>
  runProgram(config, { azure: arm(), ...options });
const azureOf = (resources: Rendered[]) => resources.filter(({ type }) => type.startsWith('azure-native:'));
const typesOf = (resources: Rendered[]) =>
  azureOf(resources)
    .map(({ type }) => type.replace('azure-native:', ''))
    .sort();

describe('the target azure', () => {
  test('creates group, registry, cluster with a pool, identity and roles, with inputs that Azure accepts', async () => {
    const { resources } = await run(MADE);
    expect(typesOf(resources)).toEqual([
      'authorization:RoleAssignment',
      'containerregistry:Registry',
      'containerservice:AgentPool',
      'containerservice:ManagedCluster',
      'managedidentity:FederatedIdentityCredential',
      'managedidentity:UserAssignedIdentity',
      'resources:ResourceGroup',
    ]);
  });

  test('creates the same Kubernetes objects as the target local', async () => {
    const objects = ({ resources }: { resources: Rendered[] }) =>
      resources.filter(({ type }) => type.startsWith('kubernetes:')).map(({ type, name }) => `${type} ${name}`);
    expect(objects(await run(MADE)).sort()).toEqual(objects(await runProgram()).sort());
  });

  test('opens the registry only to Entra identities', async () => {
    const { resources } = await run({ ...MADE, azureRegistrySku: 'Premium' });
    expect(find(resources, 'azure-native:containerregistry:Registry')).toMatchObject({
      resourceGroupName: 'rg-claude-agent',
      registryName: 'exampleacr',
      sku: { name: 'Premium' },
      adminUserEnabled: false,
      anonymousPullEnabled: false,
    });
  });

  test('creates a cluster with Entra logins only, workload identity, a network policy engine and upgrades', async () => {
    const { resources } = await run({ ...MADE, azureApiServerRanges: '["203.0.113.0/24"]' });
    expect(find(resources, 'azure-native:containerservice:ManagedCluster')).toMatchObject({
      disableLocalAccounts: true,
      enableRBAC: true,
      aadProfile: { managed: true, enableAzureRBAC: true, adminGroupObjectIDs: [ADMINS] },
      apiServerAccessProfile: { authorizedIPRanges: ['203.0.113.0/24'] },
      oidcIssuerProfile: { enabled: true },
      securityProfile: { workloadIdentity: { enabled: true } },
      networkProfile: {
        networkPlugin: 'azure',
        networkPluginMode: 'overlay',
        networkDataplane: 'cilium',
        networkPolicy: 'cilium',
      },
      autoUpgradeProfile: { upgradeChannel: 'patch', nodeOSUpgradeChannel: 'NodeImage' },
      sku: { name: 'Base', tier: 'Standard' },
      nodeResourceGroup: 'rg-aks-claude-agent-nodes',
      agentPoolProfiles: [
        { name: 'system', mode: 'System', count: 2, nodeTaints: ['CriticalAddonsOnly=true:NoSchedule'] },
      ],
    });
  });

  test('runs the agent on an autoscaled pool that is named after its machines', async () => {
    const { resources } = await run({
      ...MADE,
      azureNodesMin: '2',
      azureNodesMax: '5',
      azureVmSize: 'Standard_E20-4ads_v5',
    });
    expect(find(resources, 'azure-native:containerservice:AgentPool')).toMatchObject({
      agentPoolName: 'e204adsv5',
      mode: 'User',
      enableAutoScaling: true,
      count: 2,
      minCount: 2,
      maxCount: 5,
      vmSize: 'Standard_E20-4ads_v5',
    });
  });

  test('lets only the nodes pull from the registry, with a role assignment whose name is always the same', async () => {
    const first = await run(MADE);
    const second = await run(MADE);
    const grant = find(first.resources, 'azure-native:authorization:RoleAssignment');
    expect(grant).toMatchObject({
      scope: `${GROUP}/providers/Microsoft.ContainerRegistry/registries/exampleacr`,
      principalType: 'ServicePrincipal',
      roleDefinitionId: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d`,
    });
    expect(find(second.resources, 'azure-native:authorization:RoleAssignment')).toEqual(grant);
  });

  test("lets only the agent's ServiceAccount act as the identity", async () => {
    const { resources } = await run(MADE);
    const { issuer, ...credential } = find(resources, 'azure-native:managedidentity:FederatedIdentityCredential');
    expect(credential).toMatchObject({
      subject: 'system:serviceaccount:claude-agent:claude-code-agent',
      audiences: ['api://AzureADTokenExchange'],
    });
    expect(issuer).toMatch(/^https:/);
    const account = find(resources, 'kubernetes:core/v1:ServiceAccount', 'claude-code-agent');
    expect(account).toMatchObject({
      metadata: {
        annotations: { 'azure.workload.identity/client-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string },
      },
    });
    const deployment = find(resources, 'kubernetes:apps/v1:Deployment', 'claude-code-agent');
    expect(deployment).toMatchObject({
      spec: { template: { metadata: { labels: { 'azure.workload.identity/use': 'true' } } } },
    });
    const selector = (deployment['spec'] as { selector: { matchLabels: object } }).selector.matchLabels;
    expect(selector).not.toHaveProperty(['azure.workload.identity/use']);
  });

  test('creates no identity if the config has none', async () => {
    const { resources } = await run({ ...MADE, azureIdentity: '' });
    expect(typesOf(resources).filter((type) => type.startsWith('managedidentity:'))).toEqual([]);
    expect(JSON.stringify(resources)).not.toContain('azure.workload.identity');
  });

  test('sends the logs of cluster and registry to a workspace if the config has one', async () => {
    const { resources, outputs } = await run({ ...MADE, azureLogs: 'log-claude-agent', azureLogsDays: '90' });
    const id = `${GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-claude-agent`;
    expect(find(resources, 'azure-native:operationalinsights:Workspace')).toMatchObject({ retentionInDays: 90 });
    expect(find(resources, 'azure-native:containerservice:ManagedCluster')).toMatchObject({
      addonProfiles: { omsagent: { enabled: true, config: { logAnalyticsWorkspaceResourceID: id } } },
    });
    expect(find(resources, 'azure-native:monitor:DataCollectionRuleAssociation')).toMatchObject({
      resourceUri: `${GROUP}/providers/Microsoft.ContainerService/managedClusters/aks-claude-agent`,
      dataCollectionRuleId: `${GROUP}/providers/Microsoft.Insights/dataCollectionRules/dcr-claude-agent`,
    });
    const settings = resources.filter(({ type }) => type === 'azure-native:monitor:DiagnosticSetting');
    expect(settings.map(({ inputs }) => inputs['workspaceId'])).toEqual([id, id]);
    expect(outputs['portal']).toHaveProperty('logs', `https://portal.azure.com/#resource${id}/logs`);
  });

  test("logs in to the cluster with the operator's own login to Azure, and keeps the kubeconfig secret", async () => {
    const { resources } = await run(MADE);
    const provider = find(resources, 'pulumi:providers:kubernetes') as { kubeconfig: Record<string, unknown> };
    expect(provider.kubeconfig).toHaveProperty(['4dabf18193072939515e22adb298388d'], SECRET_MARK);
    const { users } = parse(provider.kubeconfig['value'] as string) as { users: { user: { exec: object } }[] };
    expect(users[0]?.user.exec).toMatchObject({
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      command: 'kubelogin',
      args: ['get-token', '--login', 'azurecli', '--server-id', AKS_SERVER_ID],
    });
  });

  test('pushes to the registry with no password in any input', async () => {
    const { resources } = await run(MADE);
    const image = find(resources, 'docker:index/image:Image');
    expect(image['imageName']).toMatch(/^exampleacr\.azurecr\.io\/claude-agent:[0-9a-f]{12}$/);
    expect(image).not.toHaveProperty('registry');
  });

  test('uses an existing registry and cluster, and creates only what connects the agent to them', async () => {
    const azure = inhabited();
    const { resources } = await run(EXISTING, { azure });
    expect(typesOf(resources)).toEqual([
      'authorization:RoleAssignment',
      'managedidentity:FederatedIdentityCredential',
      'managedidentity:UserAssignedIdentity',
      'resources:ResourceGroup',
    ]);
    expect(find(resources, 'azure-native:authorization:RoleAssignment')['scope']).toMatch(/registries\/iiusacr$/);
    expect(find(resources, 'azure-native:resources:ResourceGroup')['resourceGroupName']).toBe('rg-claude-agent');
  });

  test('changes nothing in Azure if everything exists and the config says so', async () => {
    const { resources, outputs } = await run(
      { ...EXISTING, azureIdentity: '', azureGrantPull: 'false' },
      { azure: inhabited() },
    );
    expect(typesOf(resources)).toEqual([]);
    expect(Object.keys(outputs['portal'] as object).sort()).toEqual(['registry', 'workloads']);
  });

  test('uses an existing resource group and identity', async () => {
    const azure = inhabited();
    const place = { resourceGroupName: 'rg-claude-agent', location: 'westeurope' };
    azure.create('azure-native:resources:ResourceGroup', place);
    azure.create('azure-native:managedidentity:UserAssignedIdentity', { ...place, resourceName: 'id-ours' });
    const config = { ...MADE, azureMakeResourceGroup: 'false', azureIdentity: 'rg-claude-agent/id-ours' };
    const { resources } = await run(config, { azure });
    expect(typesOf(resources)).not.toContain('resources:ResourceGroup');
    expect(typesOf(resources)).not.toContain('managedidentity:UserAssignedIdentity');
    expect(find(resources, 'azure-native:managedidentity:FederatedIdentityCredential')).toMatchObject({
      resourceGroupName: 'rg-claude-agent',
      resourceName: 'id-ours',
    });
  });

  test('protects what holds data, unless protectData is false', async () => {
    const config = { ...MADE, azureLogs: 'log-claude-agent' };
    const held = (resources: Rendered[]) =>
      azureOf(resources)
        .filter(({ isProtected }) => isProtected)
        .map(({ type }) => type.split(':').at(-1));
    expect(held((await run(config)).resources).sort()).toEqual([
      'ManagedCluster',
      'Registry',
      'ResourceGroup',
      'Workspace',
    ]);
    expect(held((await run({ ...config, protectData: 'false' })).resources)).toEqual([]);
  });

  test('exports links to the portal, and nothing secret', async () => {
    const { outputs } = await run(MADE);
    expect(outputs['portal']).toEqual({
      resourceGroup: `https://portal.azure.com/#resource${GROUP}/overview`,
      workloads: `https://portal.azure.com/#resource${GROUP}/providers/Microsoft.ContainerService/managedClusters/aks-claude-agent/workloads`,
      registry: `https://portal.azure.com/#resource${GROUP}/providers/Microsoft.ContainerRegistry/registries/exampleacr/repository`,
      identity: `https://portal.azure.com/#resource${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-claude-agent/overview`,
    });
    expect(JSON.stringify(outputs)).not.toContain(SECRET_MARK);
    expect(JSON.stringify(outputs)).not.toContain('kubelogin');
  });

  test.each([
    [
      'an OIDC issuer',
      { oidcIssuerProfile: undefined },
      'az aks update --resource-group rg-shared --name aks-shared --enable-oidc',
    ],
    [
      'an identity of its nodes',
      { servicePrincipalProfile: { clientId: 'an-application' } },
      '--name aks-shared --attach-acr iiusacr',
    ],
  ])('suggests a fix for a cluster without %s', async (_what, cluster, said) => {
    expect(await failureOf(() => run(EXISTING, { azure: inhabited(cluster) }))).toContain(said);
  });

  test.each([
    ['everything is to be made', MADE, arm],
    ['registry and cluster are there', EXISTING, inhabited],
  ])('can be previewed if %s', async (_what, config, azure) => {
    const { resources, outputs } = await run(config, { preview: true, azure: azure() });
    expect(typesOf(resources)).toContain('authorization:RoleAssignment');
    expect(outputs['runUrl']).toBe('http://claude-agent.claude-agent.svc/run');
  });
});
