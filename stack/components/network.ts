import { isIPv6 } from 'node:net';

import * as pulumi from '@pulumi/pulumi';

import { AGENT_PORT, GATEWAY_PORT, RUNNER_PORT } from '../../agent/contract.ts';
import type { ApiServer } from './api-server.ts';
import type { IngressConfig } from '../config/ingress.ts';
import type { Egress } from '../config/items.ts';
import type { RunnersConfig } from '../config/runners.ts';
import { acmeSolver, proxies } from './ingress/proxies.ts';
import type { LivePolicy } from './live-policies.ts';
import { BASE_POLICIES, inNamespace, LINK_LOCAL, makePolicies, pods, tcp } from './policies.ts';
import type { EgressRule, IngressRule, Peer, PolicySpec } from './policies.ts';

/** Arguments of {@link Network}. */
export interface NetworkArgs {
  readonly namespace: pulumi.Input<string>;
  /** Namespace of n8n's pods, which may call the agent and receive callbacks. */
  readonly n8nNamespace: string;
  /** Empty: every pod of that namespace. */
  readonly n8nPodLabels: Readonly<Record<string, string>>;
  /** The port of n8n's pods. */
  readonly n8nPort: number;
  /** Namespace whose pods may read the agent's metrics. */
  readonly prometheusNamespace: string | undefined;
  /** Undefined: nothing outside of the cluster reaches the agent. */
  readonly ingress: IngressConfig | undefined;
  /** Undefined: `claude` runs in the agent's pod. */
  readonly runners: RunnersConfig | undefined;
  /** What pods may reach in addition to port 443 of the internet. */
  readonly extraEgress: readonly Egress[];
  /** Undefined: the watchdog does not call n8n. */
  readonly n8nApiUrl: string | undefined;
  /** Through which the watchdog reads and writes its ledger. */
  readonly apiServer: pulumi.Output<ApiServer>;
  /** The policies in the cluster now. */
  readonly live: pulumi.Output<readonly LivePolicy[]>;
}

/**
 * Not the internet: private networks (RFC 1918), carrier-grade NAT (pod networks of clouds), link-local and Azure's
 * virtual address.
 */
const NOT_INTERNET = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', LINK_LOCAL, '168.63.129.16/32'];

type N8nPods = Pick<NetworkArgs, 'n8nNamespace' | 'n8nPodLabels'>;

/**
 * The network policies. They allow n8n, the watchdog, a Prometheus and an ingress controller to reach the agent; the agent to reach Anthropic, n8n and
 * its runners; runners to reach the agent's gateway and the internet; the watchdog to reach n8n, Teams and the API server; every
 * pod to reach DNS. They deny everything else.
 */
export class Network extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:Network', name, {}, opts);
    makePolicies(name, args, policiesOf(args), { parent: this });
    this.registerOutputs();
  }
}

function policiesOf(args: NetworkArgs): Record<string, PolicySpec> {
  return {
    ...BASE_POLICIES,
    'allow-agent': {
      podSelector: pods('agent'),
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        agentCallers(args),
        ...(args.runners ? [{ from: [{ podSelector: pods('runner') }], ports: [tcp(GATEWAY_PORT)] }] : []),
      ],
      egress: agentEgress(args),
    },
    ...(args.runners && {
      'allow-runner': {
        podSelector: pods('runner'),
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ podSelector: pods('agent') }], ports: [tcp(RUNNER_PORT)] }],
        egress: runnerEgress(args, args.runners),
      },
    }),
    'allow-watchdog': { podSelector: pods('watchdog'), policyTypes: ['Egress'], egress: watchdogEgress(args) },
    ...(args.ingress?.kind === 'ingress' && { 'allow-acme-solver': acmeSolver(args.ingress) }),
  };
}

function agentCallers({ prometheusNamespace, ingress, ...args }: NetworkArgs): IngressRule {
  const prometheus = prometheusNamespace === undefined ? [] : [{ namespaceSelector: inNamespace(prometheusNamespace) }];
  const outside = ingress === undefined ? [] : [proxies(ingress)];
  return {
    from: [n8nPods(args), { podSelector: pods('watchdog') }, ...prometheus, ...outside],
    ports: [tcp(AGENT_PORT)],
  };
}

function agentEgress({ runners, extraEgress, apiServer, ...args }: NetworkArgs): pulumi.Input<EgressRule>[] {
  return [
    internetBesides(apiServer),
    toN8n(args),
    ...(runners ? [{ to: [{ podSelector: pods('runner') }], ports: [tcp(RUNNER_PORT)] }] : []),
    ...(runners?.reuse === false ? [toApiServer(apiServer)] : []),
    ...extraFor('agent', extraEgress),
  ];
}

function runnerEgress({ extraEgress, apiServer }: NetworkArgs, { egress }: RunnersConfig): pulumi.Input<EgressRule>[] {
  return [
    { to: [{ podSelector: pods('agent') }], ports: [tcp(GATEWAY_PORT)] },
    ...(egress === 'internet' ? [internetBesides(apiServer)] : []),
    ...extraFor('runners', extraEgress),
  ];
}

function watchdogEgress({ apiServer, extraEgress, n8nApiUrl, ...args }: NetworkArgs): pulumi.Input<EgressRule>[] {
  const toAgent = { to: [{ podSelector: pods('agent') }], ports: [tcp(AGENT_PORT)] };
  return [
    toAgent,
    toApiServer(apiServer),
    internetBut([]),
    ...(n8nApiUrl === undefined ? [] : [toN8n(args)]),
    ...extraFor('agent', extraEgress),
  ];
}

function toApiServer(apiServer: pulumi.Output<ApiServer>): pulumi.Output<EgressRule> {
  return apiServer.apply((server) => ({
    to: addressesOf(server).map((cidr) => ({ ipBlock: { cidr } })),
    ports: [tcp(server.port)],
  }));
}

/** The internet without the API server, which may have a public address with port 443. */
function internetBesides(apiServer: pulumi.Output<ApiServer>): pulumi.Output<EgressRule> {
  return apiServer.apply((server) => internetBut(addressesOf(server).filter((cidr) => cidr.endsWith('/32'))));
}

function internetBut(except: readonly string[]): EgressRule {
  return { to: [{ ipBlock: { cidr: '0.0.0.0/0', except: [...NOT_INTERNET, ...except] } }], ports: [tcp(443)] };
}

function addressesOf({ addresses }: ApiServer): string[] {
  return addresses.map((address) => `${address}/${isIPv6(address) ? 128 : 32}`);
}

function toN8n(args: N8nPods & Pick<NetworkArgs, 'n8nPort'>): EgressRule {
  return { to: [n8nPods(args)], ports: [tcp(args.n8nPort)] };
}

function n8nPods({ n8nNamespace, n8nPodLabels }: N8nPods): Peer {
  const all = Object.keys(n8nPodLabels).length === 0;
  return {
    namespaceSelector: inNamespace(n8nNamespace),
    ...(!all && { podSelector: { matchLabels: n8nPodLabels } }),
  };
}

/** The rules of `extraEgress` for these pods; `agent` includes the watchdog. */
function extraFor(who: NonNullable<Egress['for']>, extraEgress: readonly Egress[]): EgressRule[] {
  return extraEgress.filter((place) => (place.for ?? who) === who).map(egressRule);
}

function egressRule(place: Egress): EgressRule {
  const peer =
    'cidr' in place ? { ipBlock: { cidr: place.cidr } } : { namespaceSelector: inNamespace(place.namespace) };
  return { to: [peer], ports: [tcp(place.port)] };
}
