import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';

import { AGENT_PORT } from '../agent/contract.ts';
import type { Egress } from './config.ts';
import { labels, selectorLabels } from './names.ts';
import type { Part } from './names.ts';

/** Arguments of {@link Network}. */
export interface NetworkArgs {
  readonly namespace: pulumi.Input<string>;
  /** Namespace whose pods may call the agent, and be called back. */
  readonly n8nNamespace: string;
  /** Of n8n's pods. */
  readonly n8nPort: number;
  /** What the agent may reach besides the internet's port 443. */
  readonly extraEgress: readonly Egress[];
  /** Where the watchdog asks n8n, if it does. */
  readonly n8nApiUrl: string | undefined;
}

/**
 * Not the internet: private networks (RFC 1918), carrier-grade NAT (cloud pod networks), link-local (where clouds serve
 * a machine's credentials) and Azure's own virtual address.
 */
const NOT_INTERNET = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '168.63.129.16/32',
];

type PolicySpec = k8s.types.input.networking.v1.NetworkPolicySpec;
type Rule = k8s.types.input.networking.v1.NetworkPolicyEgressRule;

const pods = (part: Part) => ({ matchLabels: selectorLabels(part) });
const inNamespace = (name: string) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } });
const tcp = (port: number) => ({ protocol: 'TCP', port });

/**
 * Who may talk to whom: nobody, but n8n and the watchdog to the agent, the agent to Anthropic and back to n8n, the
 * watchdog to n8n, Teams and the API server, and all to the DNS.
 */
export class Network extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:Network', name, {}, opts);
    for (const [policy, spec] of Object.entries(policies(args))) {
      new k8s.networking.v1.NetworkPolicy(
        `${name}-${policy}`,
        { metadata: { name: policy, namespace: args.namespace, labels: labels('namespace') }, spec },
        { parent: this },
      );
    }
    this.registerOutputs();
  }
}

/** Where clouds serve a machine's credentials. */
const METADATA = ['169.254.0.0/16', '168.63.129.16/32'];

function policies({ n8nNamespace, n8nPort, extraEgress, n8nApiUrl }: NetworkArgs): Record<string, PolicySpec> {
  return {
    'default-deny': { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
    'allow-dns': {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [
        {
          to: [
            { namespaceSelector: inNamespace('kube-system'), podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } },
          ],
          ports: [{ protocol: 'UDP', port: 53 }, tcp(53)],
        },
      ],
    },
    'agent-from-callers': {
      podSelector: pods('agent'),
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ namespaceSelector: inNamespace(n8nNamespace) }, { podSelector: pods('watchdog') }],
          ports: [tcp(AGENT_PORT)],
        },
      ],
    },
    'agent-to-internet': {
      podSelector: pods('agent'),
      policyTypes: ['Egress'],
      egress: [
        { to: [{ ipBlock: { cidr: '0.0.0.0/0', except: NOT_INTERNET } }], ports: [tcp(443)] },
        ...extraEgress.map(egressRule),
      ],
    },
    'agent-to-n8n': {
      podSelector: pods('agent'),
      policyTypes: ['Egress'],
      egress: [{ to: [{ namespaceSelector: inNamespace(n8nNamespace) }], ports: [tcp(n8nPort)] }],
    },
    'watchdog-to-agent': {
      podSelector: pods('watchdog'),
      policyTypes: ['Egress'],
      egress: [{ to: [{ podSelector: pods('agent') }], ports: [tcp(AGENT_PORT)] }],
    },
    // The API server is a public address, one of the nodes or one of a private network, as the cluster has it.
    'watchdog-to-api-server-and-teams': {
      podSelector: pods('watchdog'),
      policyTypes: ['Egress'],
      egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: METADATA } }], ports: [tcp(443), tcp(6443)] }],
    },
    ...(n8nApiUrl === undefined
      ? {}
      : {
          'watchdog-to-n8n': {
            podSelector: pods('watchdog'),
            policyTypes: ['Egress'],
            egress: [{ to: [{ namespaceSelector: inNamespace(n8nNamespace) }], ports: [tcp(n8nPort)] }],
          },
        }),
  };
}

function egressRule(egress: Egress): Rule {
  const peer =
    'cidr' in egress ? { ipBlock: { cidr: egress.cidr } } : { namespaceSelector: inNamespace(egress.namespace) };
  return { to: [peer], ports: [tcp(egress.port)] };
}
