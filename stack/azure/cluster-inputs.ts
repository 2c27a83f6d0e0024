import type { MadeCluster } from '../config/azure.ts';

/** Minutes that draining a node may take: more than the longest grace time of a run, an hour. */
const DRAIN_MINUTES = 75;
const UPGRADE = { maxSurge: '33%', drainTimeoutInMinutes: DRAIN_MINUTES };

/** Who may log in: Entra identities only, with the members of the groups as administrators. */
export function access({ adminGroups, apiServerRanges }: MadeCluster) {
  return {
    enableRBAC: true,
    disableLocalAccounts: true,
    aadProfile: { managed: true, enableAzureRBAC: true, adminGroupObjectIDs: [...adminGroups] },
    ...(apiServerRanges.length === 0 ? {} : { apiServerAccessProfile: { authorizedIPRanges: [...apiServerRanges] } }),
  };
}

/** What the agent's pods need of the cluster: tokens for Azure, and enforced network policies. */
export const WORKLOADS = {
  oidcIssuerProfile: { enabled: true },
  securityProfile: { workloadIdentity: { enabled: true } },
  networkProfile: {
    networkPlugin: 'azure',
    // Pods have addresses of their own, so that a small virtual network is enough.
    networkPluginMode: 'overlay',
    // The engine that Microsoft continues; its other one, `azure`, ends in 2028.
    networkDataplane: 'cilium',
    networkPolicy: 'cilium',
  },
} as const;

/** What the machines of every pool have in common. */
export function machine(vmSize: string) {
  return {
    vmSize,
    osType: 'Linux',
    type: 'VirtualMachineScaleSets',
    upgradeSettings: UPGRADE,
    // A DNS cache on the node has an address of the node, which Cilium matches with no range of a network policy.
    localDNSProfile: { mode: 'Disabled' },
  };
}

/** The pool for the cluster's own pods; its taint keeps other pods away. */
export function systemPool({ systemVmSize, systemNodes }: MadeCluster) {
  return {
    name: 'system',
    mode: 'System',
    ...machine(systemVmSize),
    count: systemNodes,
    nodeTaints: ['CriticalAddonsOnly=true:NoSchedule'],
  };
}

/**
 * The name of a pool: up to 12 lowercase letters and digits, such as d4sv5 for Standard_D4s_v5. Another size is another
 * pool, which is created before the first one is deleted.
 */
export function poolName(vmSize: string): string {
  return vmSize
    .replace(/^Standard_/, '')
    .replace(/[^a-zA-Z0-9]/g, '')
    .toLowerCase()
    .slice(0, 12);
}

/**
 * Prefix of the API server's address: up to 54 letters, digits and hyphens, with a letter or digit at both
 * ends.
 */
export function dnsPrefix(clusterName: string): string {
  return clusterName.replace(/_/g, '-').slice(0, 54).replace(/-+$/, '');
}
