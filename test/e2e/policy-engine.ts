import { execa } from 'execa';

import { kubectl } from './cluster.ts';
import { startOutside } from './outside.ts';

/**
 * Names a `kube-router` for clusters that have no engine for network policies: run here by root, it is one for the only
 * node of a cluster, which must be this machine.
 */
const PROGRAM = 'E2E_KUBE_ROUTER';

/** Why there is no engine of our own. */
export const NO_ENGINE = `nothing in this cluster holds network policies up, and ${PROGRAM} names no kube-router that would`;

/** Leaves no chain and no set of kube-router behind, which goes on holding policies up when it has ended. */
const SWEEP = `
for chain in INPUT FORWARD OUTPUT; do
  iptables -S "$chain" | sed -n '/KUBE-ROUTER/s/^-A/-D/p' | while read -r rule; do eval "iptables $rule"; done
done
chains=$(iptables -S | awk '/^-N KUBE-(ROUTER|POD-FW|NWPLCY)/ { print $2 }')
for chain in $chains; do iptables -F "$chain"; done
for chain in $chains; do iptables -X "$chain"; done
for set in $(ipset list -n | grep -E '^(inet6:)?(KUBE-(SRC|DST)-|kube-router-)'); do ipset destroy "$set"; done
`;

/** What holds policies up, and answers outside of the cluster, until it is stopped. */
export interface PolicyEngine {
  readonly stop: () => Promise<void>;
  /** The last of what the engine says. */
  readonly log: () => string;
}

/**
 * Starts an engine on this machine where the environment names one, and gives the addresses outside of the cluster
 * somebody who answers.
 * @param podAddress Of some pod.
 * @returns undefined where the environment names none.
 */
export async function startPolicyEngine(
  addresses: readonly string[],
  ports: readonly number[],
  podAddress: string,
): Promise<PolicyEngine | undefined> {
  const program = process.env[PROGRAM] ?? '';
  if (program === '') return undefined;
  const [, bridge = ''] =
    /\bdev (\S+)/.exec((await execa('ip', ['-oneline', 'route', 'get', podAddress])).stdout) ?? [];
  const node = await kubectl(['get', 'nodes', '--output', 'jsonpath={.items[*].metadata.name}']);
  const closeOutside = await startOutside(addresses, ports, bridge);
  const router = execa(
    program,
    [
      ...['--run-firewall=true', '--run-router=false', '--run-service-proxy=false', '--health-port=0'],
      ...[`--kubeconfig=${process.env['KUBECONFIG'] ?? ''}`, `--hostname-override=${node}`],
    ],
    { env: { NODE_NAME: node }, reject: false, all: true },
  );
  let log = '';
  router.all.on('data', (chunk: Buffer) => (log = `${log}${chunk.toString()}`.slice(-4000)));
  return {
    log: () => log,
    stop: async () => {
      router.kill();
      await router;
      await execa('sh', ['-c', SWEEP]);
      await closeOutside();
    },
  };
}
