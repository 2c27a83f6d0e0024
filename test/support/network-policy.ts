import ipaddr from 'ipaddr.js';

/** The relevant parts of a NetworkPolicy (networking.k8s.io/v1). */
export interface Policy {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly ('Ingress' | 'Egress')[];
    readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly Port[] }[];
    readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }[];
  };
}
interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}
interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}
interface Port {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}
type Labels = Readonly<Record<string, string>>;

/** One end of a connection: a pod, or a machine outside the cluster, which only has an address. */
export interface End {
  readonly ip: string;
  readonly pod?: {
    readonly namespace: string;
    readonly labels: Labels;
    /** Numbers of its container ports by name. */
    readonly ports?: Readonly<Record<string, number>>;
  };
}

/** A connection to evaluate. */
export interface Connection {
  readonly from: End;
  readonly to: End;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

/** Engines differ here: some match an `ipBlock` with the addresses of pods too, some only with addresses outside the cluster. */
export type IpBlocks = 'match pods too' | 'match others only';

/** Whether policies allow a connection: both the egress of its source and the ingress of its destination must allow it. */
export function isAllowed(policies: readonly Policy[], connection: Connection, ipBlocks: IpBlocks): boolean {
  const { from, to } = connection;
  return (
    passes(
      'Egress',
      from,
      policies,
      (spec) => spec.egress ?? [],
      (rule) => rule.to,
      to,
      connection,
      ipBlocks,
    ) &&
    passes(
      'Ingress',
      to,
      policies,
      (spec) => spec.ingress ?? [],
      (rule) => rule.from,
      from,
      connection,
      ipBlocks,
    )
  );
}

interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly Port[];
}

/** An end that no policy of a direction selects is open in that direction; otherwise one matching rule is enough. */
function passes(
  direction: 'Ingress' | 'Egress',
  end: End,
  policies: readonly Policy[],
  rulesOf: (spec: Policy['spec']) => readonly Rule[],
  peersOf: (rule: Rule) => readonly Peer[] | undefined,
  other: End,
  connection: Connection,
  ipBlocks: IpBlocks,
): boolean {
  const selecting = policies.filter(
    ({ metadata, spec }) =>
      end.pod?.namespace === metadata.namespace &&
      typesOf(spec).includes(direction) &&
      selects(spec.podSelector ?? {}, end.pod.labels),
  );
  if (selecting.length === 0) return true;
  return selecting.some(({ metadata, spec }) =>
    rulesOf(spec).some((rule) => {
      const peers = peersOf(rule) ?? [];
      const peerFits = peers.length === 0 || peers.some((peer) => isPeer(peer, other, metadata.namespace, ipBlocks));
      const ports = rule.ports ?? [];
      return peerFits && (ports.length === 0 || ports.some((port) => isPort(port, connection)));
    }),
  );
}

/** Without `policyTypes` a policy covers ingress, and egress if it has egress rules. */
function typesOf({ policyTypes, egress }: Policy['spec']): readonly string[] {
  return policyTypes ?? (egress === undefined ? ['Ingress'] : ['Ingress', 'Egress']);
}

function isPeer(peer: Peer, end: End, ownNamespace: string, ipBlocks: IpBlocks): boolean {
  const { ipBlock, namespaceSelector, podSelector } = peer;
  if (ipBlock !== undefined) {
    if (end.pod !== undefined && ipBlocks === 'match others only') return false;
    const address = ipaddr.parse(end.ip);
    const has = (range: string): boolean => address.match(ipaddr.parseCIDR(range));
    return has(ipBlock.cidr) && !(ipBlock.except ?? []).some(has);
  }
  if (end.pod === undefined) return false;
  const { namespace, labels } = end.pod;
  const inNamespace =
    namespaceSelector === undefined
      ? namespace === ownNamespace
      : selects(namespaceSelector, { 'kubernetes.io/metadata.name': namespace });
  return inNamespace && selects(podSelector ?? {}, labels);
}

function isPort({ protocol = 'TCP', port, endPort }: Port, connection: Connection): boolean {
  if (protocol !== connection.protocol) return false;
  if (port === undefined) return true;
  const first = typeof port === 'string' ? connection.to.pod?.ports?.[port] : port;
  return first !== undefined && connection.port >= first && connection.port <= (endPort ?? first);
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          throw new Error(`'${operator}' is no operator of a label selector.`);
      }
    })
  );
}
