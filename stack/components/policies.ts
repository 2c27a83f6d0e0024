import { NetworkPolicy } from '@pulumi/kubernetes/networking/v1/networkPolicy.js';
import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';

import { takeBack } from './live-policies.ts';
import type { LivePolicy } from './live-policies.ts';
import { labels, selectorLabels } from '../names.ts';
import type { Part } from '../names.ts';

export type PolicySpec = k8s.types.input.networking.v1.NetworkPolicySpec;
export type Peer = k8s.types.input.networking.v1.NetworkPolicyPeer;
export type IngressRule = k8s.types.input.networking.v1.NetworkPolicyIngressRule;
export type EgressRule = k8s.types.input.networking.v1.NetworkPolicyEgressRule;

/** Where a node-local DNS cache listens, and where clouds serve the credentials of a machine. */
export const LINK_LOCAL = '169.254.0.0/16';
const METADATA = '169.254.169.254/32';

export const pods = (part: Part) => ({ matchLabels: selectorLabels(part) });
export const inNamespace = (name: string) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } });
export const tcp = (port: number) => ({ protocol: 'TCP', port });

/** The policies of each namespace of the stack: nothing is allowed but what another policy allows, and DNS. */
export const BASE_POLICIES: Readonly<Record<string, PolicySpec>> = {
  // Only an explicit list, even an empty one, removes rules that somebody added.
  'default-deny': { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [], egress: [] },
  'allow-dns': { podSelector: {}, policyTypes: ['Egress'], egress: [dns()] },
};

function dns(): EgressRule {
  const clusterDns = {
    namespaceSelector: inNamespace('kube-system'),
    podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
  };
  const cacheOfNode = { ipBlock: { cidr: LINK_LOCAL, except: [METADATA] } };
  return { to: [clusterDns, cacheOfNode], ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] };
}

/** Where policies are. */
export interface PoliciesPlace {
  readonly namespace: pulumi.Input<string>;
  /** The policies of that namespace in the cluster now. */
  readonly live: pulumi.Output<readonly LivePolicy[]>;
}

/** Creates policies by name, and takes back what somebody changed in them. */
export function makePolicies(
  name: string,
  { namespace, live }: PoliciesPlace,
  policies: Readonly<Record<string, PolicySpec>>,
  opts: pulumi.CustomResourceOptions,
): NetworkPolicy[] {
  return Object.entries(policies).map(([policy, spec]) => {
    const annotations = pulumi.all([live, spec]).apply(([found, wanted]) =>
      takeBack(
        found.find((candidate) => candidate.metadata.name === policy),
        wanted,
      ),
    );
    return new NetworkPolicy(
      `${name}-${policy}`,
      { metadata: { name: policy, namespace, labels: labels('namespace'), annotations }, spec },
      opts,
    );
  });
}
