import { GATEWAY_NAMESPACE, isObject, kindOf, metadataOf, podOf, specOf } from '../objects.ts';
import { when } from '../rule.ts';
import type { Resource, Rule } from '../rule.ts';

interface RoleRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs?: readonly string[];
}
interface Binding {
  readonly subjects?: readonly { readonly kind?: string; readonly name?: unknown }[];
}
interface NetworkPolicy {
  readonly podSelector?: object;
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly { readonly from?: readonly unknown[] }[];
  readonly egress?: readonly { readonly to?: readonly Peer[] }[];
}
interface Peer {
  readonly ipBlock?: { readonly cidr?: string; readonly except?: readonly string[] };
}

const isBound = (account: string, all: readonly Resource[]): boolean =>
  all
    .filter((resource) => kindOf(resource) === 'RoleBinding')
    .some(({ inputs }) => ((inputs as Binding).subjects ?? []).some(({ name }) => name === account));

/** Verbs that change or delete an object. A rule can't restrict `create` to a name. */
const CHANGING = ['create', 'update', 'patch', 'delete'];
const NEVER = ['169.254.0.0/16', '168.63.129.16/32', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

/** The host that the agent knows as its own. */
function ownHost(all: readonly Resource[]): unknown {
  const containers = all
    .filter((other) => kindOf(other) === 'Deployment' && metadataOf(other).name === 'claude-code-agent')
    .flatMap((other) => podOf(other)?.spec.containers ?? []);
  return containers[0]?.env?.find(({ name }) => name === 'AGENT_ALLOWED_HOSTS')?.value;
}

interface Open {
  readonly defaultBackend?: unknown;
  readonly tls?: readonly { readonly hosts?: readonly unknown[]; readonly secretName?: unknown }[];
  readonly rules?: readonly { readonly host?: unknown; readonly backendRefs?: unknown }[];
  readonly listeners?: readonly {
    readonly protocol?: unknown;
    readonly hostname?: unknown;
    readonly tls?: { readonly mode?: unknown; readonly certificateRefs?: readonly unknown[] };
    readonly allowedRoutes?: { readonly namespaces?: { readonly from?: unknown } };
  }[];
  readonly hostnames?: readonly unknown[];
  readonly parentRefs?: readonly { readonly sectionName?: unknown }[];
}

/** What an Ingress, a Gateway or a route opens besides HTTPS to the host. */
function openness(kind: string, spec: unknown, host: unknown): string[] {
  const { defaultBackend, tls = [], rules = [], listeners = [], hostnames = [], parentRefs = [] } = spec as Open;
  const others = [...rules.flatMap((rule) => (kind === 'Ingress' ? [rule.host] : [])), ...hostnames].concat(
    listeners.map(({ hostname }) => hostname),
  );
  return [
    ...when(others.length === 0 || others.some((other) => other === undefined || other !== host), 'another host'),
    ...when(defaultBackend !== undefined, 'it has a default backend'),
    ...when(
      kind === 'Ingress' && !tls.some(({ hosts, secretName }) => hosts?.includes(host) && secretName !== ''),
      'it has no certificate for the host',
    ),
    ...listeners.flatMap(({ protocol, tls: own, allowedRoutes }) =>
      protocol === 'HTTPS'
        ? when(own?.mode !== 'Terminate' || !own.certificateRefs?.length, 'a listener has no certificate')
        : when(allowedRoutes?.namespaces?.from !== 'Same', 'a listener without TLS takes routes to the agent'),
    ),
    ...when(
      kind === 'HTTPRoute' &&
        rules.some(({ backendRefs }) => backendRefs !== undefined) &&
        !parentRefs.every(({ sectionName }) => sectionName === 'https'),
      'it leads to the agent without TLS',
    ),
  ];
}

/** Permissions for the API server, and network access. */
export const ACCESS_RULES: readonly Rule[] = [
  {
    must: 'A pod has its own ServiceAccount.',
    check: (resource, all) => {
      const account = podOf(resource)?.spec.serviceAccountName;
      if (podOf(resource) === undefined) return [];
      const made = all.filter((other) => kindOf(other) === 'ServiceAccount').map((other) => metadataOf(other).name);
      return when(account === undefined || !made.includes(account), `serviceAccountName is ${account ?? 'not set'}`);
    },
  },
  {
    must: 'Only a pod whose ServiceAccount has permissions gets a token for the API server.',
    check: (resource, all) => {
      const spec = podOf(resource)?.spec;
      if (spec === undefined || isBound(spec.serviceAccountName ?? '', all)) return [];
      const projected = (spec.volumes ?? []).flatMap((volume) => {
        const sources = (
          volume['projected'] as { sources?: { serviceAccountToken?: { audience?: string } }[] } | undefined
        )?.sources;
        return (sources ?? []).filter(
          ({ serviceAccountToken: token }) => token !== undefined && token.audience === undefined,
        );
      });
      return [
        ...when(spec.automountServiceAccountToken !== false, 'automountServiceAccountToken is not false'),
        ...when(projected.length > 0, 'a projected token has no audience, so it is for the API server'),
      ];
    },
  },
  {
    must: 'A ServiceAccount gives a token only to a pod that asks for one.',
    check: (resource) =>
      when(
        kindOf(resource) === 'ServiceAccount' && resource.inputs['automountServiceAccountToken'] !== false,
        'automountServiceAccountToken is not false',
      ),
  },
  {
    must: 'Permissions cover named objects of named kinds in one namespace, and never Secrets.',
    check: (resource) => {
      if (!isObject(resource)) return [];
      const rules = (resource.inputs['rules'] ?? []) as readonly RoleRule[];
      return [
        ...when(kindOf(resource).startsWith('ClusterRole'), 'it holds in every namespace'),
        ...rules.flatMap(({ apiGroups = [], resources = [], resourceNames = [], verbs = [] }) => [
          ...when([...apiGroups, ...resources, ...verbs].includes('*'), 'it has a *'),
          ...when(
            resources.some((name) => name.startsWith('secrets')),
            'it is for Secrets',
          ),
          // Kubernetes names the pods of a Deployment.
          ...when(
            resourceNames.length === 0 &&
              verbs.some((verb) => CHANGING.includes(verb)) &&
              `${resources.join()} ${verbs.join()}` !== 'pods delete',
            'it changes objects of any name',
          ),
        ]),
      ];
    },
  },
  {
    must: "From outside the cluster, only the agent's own host is reachable, and only by HTTPS.",
    check: (resource, all) => {
      const { type, externalIPs } = specOf(resource) as { type?: string; externalIPs?: unknown };
      const kind = kindOf(resource);
      return [
        ...when(kind === 'Service' && type !== 'ClusterIP', `its type is ${type ?? 'not set'}`),
        ...when(kind === 'Service' && externalIPs !== undefined, 'externalIPs'),
        ...(['Ingress', 'Gateway', 'HTTPRoute'].includes(kind) ? openness(kind, specOf(resource), ownHost(all)) : []),
      ];
    },
  },
  {
    must: "A namespace accepts only restricted pods, and that of a Gateway baseline ones, which a controller's proxies are.",
    check: (resource) => {
      if (kindOf(resource) !== 'Namespace') return [];
      const { name, labels } = metadataOf(resource);
      const levels = name === GATEWAY_NAMESPACE ? ['restricted', 'baseline'] : ['restricted'];
      return ['enforce', 'audit', 'warn'].flatMap((mode) =>
        when(!levels.includes(labels?.[`pod-security.kubernetes.io/${mode}`] ?? ''), `${mode} is not`),
      );
    },
  },
  {
    must: 'A namespace allows no traffic in either direction except what policies allow.',
    check: (resource, all) => {
      if (kindOf(resource) !== 'Namespace') return [];
      const closed = all.some((other) => {
        const { podSelector, policyTypes, ingress, egress } = specOf(other) as NetworkPolicy;
        return (
          kindOf(other) === 'NetworkPolicy' &&
          metadataOf(other).namespace === metadataOf(resource).name &&
          JSON.stringify(podSelector) === '{}' &&
          ['Ingress', 'Egress'].every((type) => policyTypes?.includes(type)) &&
          !ingress?.length &&
          !egress?.length
        );
      });
      return when(!closed, 'there is no policy that denies by default');
    },
  },
  {
    must: 'A network policy names its peers, and allows no private or metadata address by a range.',
    check: (resource) => {
      if (kindOf(resource) !== 'NetworkPolicy') return [];
      const { ingress = [], egress = [] } = specOf(resource) as NetworkPolicy;
      const peers = egress.flatMap(({ to }) => to ?? []);
      // The way in is open to everybody.
      const isWayIn = metadataOf(resource).name === 'allow-gateway';
      return [
        ...when(
          (!isWayIn && ingress.some(({ from }) => !from?.length)) || egress.some(({ to }) => !to?.length),
          'a rule is for everybody',
        ),
        ...peers.flatMap(({ ipBlock }) =>
          ipBlock?.cidr === '0.0.0.0/0'
            ? when(
                !NEVER.every((range) => ipBlock.except?.includes(range)),
                'the internet is not without private ranges',
              )
            : [],
        ),
      ];
    },
  },
];
