import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AzureDouble, SUBSCRIPTION } from './azure.ts';
import { Checkout } from './checkout.ts';
import { agentPod, inAgent, kubectl, until } from './cluster.ts';
import { missingRequirement } from './requirements.ts';
import { needs } from '../support/needs.ts';

const PORTAL = `https://portal.azure.com/#resource/subscriptions/${SUBSCRIPTION}/resourceGroups`;
const UNCHANGED = /Resources:\n\s+\d+ unchanged/;

let azure: AzureDouble;
let checkout: Checkout;
const measured = (what: string, seconds: number) => console.info(`${what}: ${seconds.toFixed(1)} s`);
const UP = ['--yes', '--skip-preview', '--non-interactive'];
const up = (...more: string[]) => checkout.npm('up', ...UP, ...more);
const down = () => checkout.npm('down', ...UP);
const expectNoDrift = async () => {
  const { exitCode, output } = await checkout.npm('preview', '--refresh', '--expect-no-changes', '--non-interactive');
  expect(exitCode, output).toBe(0);
};

describe('the target azure', needs(await missingRequirement()), () => {
  beforeAll(async () => {
    azure = new AzureDouble();
    checkout = new Checkout(
      azure.checkoutOptions({
        azureRegistry: 'exampleacr',
        azureAdminGroups: ['aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'],
        azureLogs: 'log-claude-agent',
      }),
    );
    await checkout.fill();
    checkout.logIn(1);
  });

  afterAll(async () => {
    await down();
    await kubectl(['delete', 'namespace', 'claude-agent', '--ignore-not-found']);
    checkout.remove();
    azure.remove();
  });

  test('says what to log in to before it touches anything, in every command', async () => {
    for (const command of ['preview', 'up', 'refresh', 'down']) {
      const more = command === 'preview' ? [] : ['--yes', '--skip-preview'];
      const { exitCode, output } = await checkout.npm(command, '--non-interactive', ...more);
      expect(exitCode, output).not.toBe(0);
      expect(output).toContain(`no access to subscription ${SUBSCRIPTION}. Run \`az login\``);
      expect(output).toContain("Please run 'az login' to setup account.");
    }
    expect(azure.resources().size).toBe(0);
    await expect(kubectl(['get', 'namespace', 'claude-agent'])).rejects.toThrow(/not found/i);
  });

  test('can be previewed while nothing is there', async () => {
    azure.logIn();
    const { exitCode, output } = await checkout.npm('preview', '--non-interactive');
    expect(exitCode, output).toBe(0);
    expect(output).toMatch(/\+ \d+ to create/);
    expect(azure.resources().size).toBe(0);
    expect(azure.calls('az acr login')).toEqual([]);
  });

  // That takes Azure ten minutes; a laptop may close meanwhile.
  test('takes over a cluster that Azure made for an update that was killed', async () => {
    const type = 'azure-native:containerservice:ManagedCluster';
    const tokens = () => [...azure.resources().values()].map(({ token }) => token);
    azure.hangAfter(type);
    await checkout.npmCutOff('up', UP, () =>
      until('the cluster in Azure', () => Promise.resolve(tokens().includes(type) || undefined), 200),
    );
    azure.hangAfter(undefined);
  });

  test('comes up from there, and says where to look in the portal', async () => {
    const { exitCode, output, seconds } = await up();
    expect(exitCode, output).toBe(0);
    measured('first up', seconds);
    const outputs = JSON.parse(await checkout.pulumi('stack', 'output', '--json', '--stack', 'dev')) as {
      image: string;
      portal: Record<string, string>;
    };
    expect(outputs.image).toMatch(new RegExp(`^${process.env['E2E_REGISTRY'] ?? ''}/claude-agent@sha256:`));
    expect(outputs.portal).toMatchObject({
      resourceGroup: `${PORTAL}/rg-claude-agent/overview`,
      workloads: `${PORTAL}/rg-claude-agent/providers/Microsoft.ContainerService/managedClusters/aks-claude-agent/workloads`,
      registry: `${PORTAL}/rg-claude-agent/providers/Microsoft.ContainerRegistry/registries/exampleacr/repository`,
      logs: `${PORTAL}/rg-claude-agent/providers/Microsoft.OperationalInsights/workspaces/log-claude-agent/logs`,
    });
    expect(await inAgent('which', 'claude')).toBe('/usr/local/bin/claude');
  });

  test('lets the pod stand for the identity', async () => {
    const { clientId } = azure.resource('/id-claude-agent').readOnly;
    const account = await kubectl(['get', 'serviceaccount/claude-code-agent', '-n', 'claude-agent', '-o', 'json']);
    expect(account).toContain(`"azure.workload.identity/client-id": "${String(clientId)}"`);
    const pod = await kubectl(['get', 'pod', (await agentPod()).name, '-n', 'claude-agent', '-o', 'json']);
    expect(pod).toContain('"azure.workload.identity/use": "true"');
  });

  test("logs in to registry and cluster by the operator's login to Azure, and stores no credential", () => {
    expect(new Set(azure.calls('az acr login'))).toEqual(
      new Set([`az acr login --name exampleacr --subscription ${SUBSCRIPTION}`]),
    );
    expect(azure.calls('kubelogin get-token --login azurecli').length).toBeGreaterThan(0);
    const state = readFileSync(
      checkout.at('.local', 'pulumi', '.pulumi', 'stacks', 'claude-code-agent', 'dev.json'),
      'utf8',
    );
    for (const canary of ['canary-acr-token', 'canary-azure-token', 'kubelogin', 'certificate-authority-data']) {
      expect(state).not.toContain(canary);
    }
  });

  test('changes nothing when it is brought up again', async () => {
    const before = await agentPod();
    const logins = azure.calls('az acr login');
    const { exitCode, output, seconds } = await up();
    expect(exitCode, output).toBe(0);
    measured('up without a change', seconds);
    expect(output).toMatch(UNCHANGED);
    expect(await agentPod()).toEqual(before);
    expect(azure.calls('az acr login')).toEqual(logins);
  });

  test('leaves alone what Azure changes by itself: the number of nodes, and patches', async () => {
    const grown = (pool: Record<string, unknown>) => ({ ...pool, count: 3, orchestratorVersion: '1.34.9' });
    azure.change('/managedclusters/aks-claude-agent', (body) => ({
      ...body,
      kubernetesVersion: '1.34.9',
      agentPoolProfiles: (body['agentPoolProfiles'] as Record<string, unknown>[]).map(grown),
    }));
    azure.change('/agentpools/d4sv5', grown);
    const refreshed = await checkout.npm('refresh', '--yes', '--skip-preview', '--non-interactive');
    expect(refreshed.exitCode, refreshed.output).toBe(0);
    await expectNoDrift();
    const { output } = await up();
    expect(output).toMatch(UNCHANGED);
    expect(azure.resource('/agentpools/d4sv5').body['count']).toBe(3);
  });

  test('takes back what somebody changed', async () => {
    azure.change('/registries/exampleacr', (body) => ({ ...body, adminUserEnabled: true }));
    const { exitCode, output } = await up('--refresh');
    expect(exitCode, output).toBe(0);
    expect(azure.resource('/registries/exampleacr').body['adminUserEnabled']).toBe(false);
    await expectNoDrift();
  });

  test('moves to a pool of other machines, which is there before the first one goes', async () => {
    checkout.configure({ azureVmSize: 'Standard_D8s_v5', azureNodesMax: '4' });
    const { exitCode, output } = await up();
    expect(exitCode, output).toBe(0);
    expect(azure.resource('/agentpools/d8sv5').body).toMatchObject({ maxCount: 4, vmSize: 'Standard_D8s_v5' });
    expect(() => azure.resource('/agentpools/d4sv5')).toThrow();
    await checkout.npm('refresh', '--yes', '--skip-preview', '--non-interactive');
    await expectNoDrift();
  });

  test('changes the cluster in place, with all its pools', async () => {
    checkout.configure({ azureApiServerRanges: ['203.0.113.0/24'] });
    const { exitCode, output } = await up();
    expect(exitCode, output).toBe(0);
    const { body } = azure.resource('/managedclusters/aks-claude-agent');
    expect(body['apiServerAccessProfile']).toEqual({ authorizedIPRanges: ['203.0.113.0/24'] });
    expect((body['agentPoolProfiles'] as { name: string }[]).map(({ name }) => name)).toEqual(['system', 'd8sv5']);
  });

  test('goes back to an earlier update, and leaves Azure as it is', async () => {
    checkout.configure({ queueLimit: '7' });
    expect((await up()).exitCode).toBe(0);
    expect(await inAgent('printenv', 'AGENT_QUEUE_LIMIT')).toBe('7');
    const before = azure.resources();
    const list = await checkout.npm('rollback');
    expect(list.exitCode, list.output).toBe(0);
    const [first] = /^1 /m.exec(list.output) ?? [];
    expect(first, list.output).toBeDefined();
    const { exitCode, output, seconds } = await checkout.npm('rollback', '1', '--yes', '--non-interactive');
    expect(exitCode, output).toBe(0);
    measured('rollback', seconds);
    expect(output).toContain('azureVmSize was Standard_D4s_v5: stays Standard_D8s_v5');
    expect(await inAgent('printenv', 'AGENT_QUEUE_LIMIT')).toBe('100');
    expect(azure.resources()).toEqual(before);
    await expectNoDrift();
  });

  test('goes away without a rest', async () => {
    const { exitCode, output, seconds } = await down();
    expect(exitCode, output).toBe(0);
    measured('down', seconds);
    expect([...azure.resources().keys()]).toEqual([]);
    await expect(kubectl(['get', 'namespace', 'claude-agent'])).rejects.toThrow(/not found/i);
  });

  test('uses a registry and a cluster that are there, and leaves them as they were', async () => {
    const arm = azure.arm();
    const place = { resourceGroupName: 'rg-shared', location: 'westeurope' };
    arm.create('azure-native:resources:ResourceGroup', place);
    arm.create('azure-native:containerregistry:Registry', {
      ...place,
      registryName: 'sharedacr',
      sku: { name: 'Basic' },
    });
    arm.create('azure-native:containerservice:ManagedCluster', {
      ...place,
      resourceName: 'aks-shared',
      dnsPrefix: 'shared',
      identity: { type: 'SystemAssigned' },
      oidcIssuerProfile: { enabled: true },
      agentPoolProfiles: [{ name: 'system', mode: 'System', vmSize: 'Standard_D2s_v5', count: 1 }],
    });
    const before = azure.resources();
    checkout.configure({ azureRegistry: 'rg-shared/sharedacr', azureCluster: 'rg-shared/aks-shared', azureLogs: '' });
    const { exitCode, output } = await up();
    expect(exitCode, output).toBe(0);
    expect(output).toContain('The cluster aks-shared has no network policy engine');
    expect(await inAgent('which', 'claude')).toBe('/usr/local/bin/claude');
    const made = [...azure.resources().keys()].filter((id) => !before.has(id));
    expect(made.map((id) => id.split('/').at(-2)).sort()).toEqual([
      'federatedidentitycredentials',
      'resourcegroups',
      'roleassignments',
      'userassignedidentities',
    ]);
    expect((await up()).output).toMatch(UNCHANGED);
    await expectNoDrift();
    const gone = await down();
    expect(gone.exitCode, gone.output).toBe(0);
    expect(azure.resources()).toEqual(before);
  });
});
