import type { MadeCluster } from '../config/azure.ts';

/** Minutes that a node may take to give up its pods: more than the longest grace of a run, an hour. */
const DRAIN_MINUTES = 75;
const UPGRADE = { maxSurge: '33%', drainTimeoutInMinutes: DRAIN_MINUTES };

/** Who gets in: Entra identities only, and members of the groups as administrators. */
export function access({ adminGroups, apiServerRanges }: MadeCluster) {
  return {
    enableRBAC: true,
    disableLocalAccounts: true,
    aadProfile: { managed: true, enableAzureRBAC: true, adminGroupObjectIDs: [...adminGroups] },
    ...(apiServerRanges.length === 0 ? {} : { apiServerAccessProfile: { authorizedIPRanges: [...apiServerRanges] } }),
  };
}

/** What the agent's pods need of the cluster: tokens for Azure, and network policies that hold. */
export const WORKLOADS = {
  oidcIssuerProfile: { enabled: true },
  securityProfile: { workloadIdentity: { enabled: true } },
  networkProfile: {
    networkPlugin: 'azure',
    // Pods have addresses of their own, so that a small virtual network is enough.
    networkPluginMode: 'overlay',
    // The engine that Microsoft goes on with; its other one, `azure`, ends in 2028.
    networkDataplane: 'cilium',
    networkPolicy: 'cilium',
  },
} as const;

/** What the machines of every pool have. */
export function machine(vmSize: string) {
  return {
    vmSize,
    osType: 'Linux',
    type: 'VirtualMachineScaleSets',
    upgradeSettings: UPGRADE,
    // A cache on the node has an address of the node, which no range of a network policy stands for in Cilium.
    localDNSProfile: { mode: 'Disabled' },
  };
}

/** The pool of the cluster's own pods, which keeps others away. */
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
 * The name of a pool: up to 12 small letters and digits. That of Standard_D4s_v5 is d4sv5, so that another size is another
 * pool, which is there before the first one goes.
 */
export function poolName(vmSize: string): string {
  return vmSize
    .replace(/^Standard_/, '')
    .replace(/[^a-zA-Z0-9]/g, '')
    .toLowerCase()
    .slice(0, 12);
}

/**
 * What the address of the API server begins with: up to 54 letters, digits and hyphens, with a letter or digit at both
 * ends.
 */
export function dnsPrefix(clusterName: string): string {
  return clusterName.replace(/_/g, '-').slice(0, 54).replace(/-+$/, '');
}
