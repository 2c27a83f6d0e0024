import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import { Namespace } from '@pulumi/kubernetes/core/v1/namespace.js';
import * as pulumi from '@pulumi/pulumi';

import { AGENT_PORT } from '../../../agent/contract.ts';
import { runsBesideGateway } from '../../config/ingress.ts';
import type { IngressConfig } from '../../config/ingress.ts';
import { labels, NAMES, SKIP_AWAIT } from '../../names.ts';
import type { LivePolicy } from '../live-policies.ts';
import { BASE_POLICIES, inNamespace, makePolicies, pods, tcp } from '../policies.ts';
import type { PolicySpec } from '../policies.ts';
import { ACME_SOLVER, ACME_SOLVER_PORT, acmeSolver, OF_GATEWAY } from './proxies.ts';

/** Arguments of {@link GatewayRoute}. */
export interface GatewayRouteArgs {
  /** The agent's. */
  readonly namespace: pulumi.Input<string>;
  readonly ingress: IngressConfig;
  /** The policies of the Gateway's namespace in the cluster now. */
  readonly live: pulumi.Output<readonly LivePolicy[]>;
}

const API = 'gateway.networking.k8s.io/v1';
/** Where istiod runs: that of AKS, and that of an Istio of one's own. */
const ISTIO_NAMESPACES = ['aks-istio-system', 'istio-system'];
const ISTIOD_PORT = 15_012;
const [HTTP, HTTPS] = [80, 443];

/** Annotations with this prefix are for the Service that a controller makes for the Gateway. */
const OF_SERVICE = 'service.beta.kubernetes.io/';
/** Minutes. Azure's load balancer would drop a connection on which a run of ten minutes says nothing for four. */
const IDLE_MINUTES = '30';

/**
 * A Gateway in a namespace of its own, and routes from the host to the agent. A controller such as Istio starts its proxies
 * beside the Gateway, and the agent's namespace takes neither pods like these nor load balancers.
 */
export class GatewayRoute extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: GatewayRouteArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:GatewayRoute', name, {}, opts);
    const { namespace, ingress, live } = args;
    const { host, className, tlsSecret, annotations } = ingress;
    const isBeside = runsBesideGateway(ingress);
    const parent = { parent: this };
    const gatewayNamespace = this.#namespace(name, isBeside ? 'baseline' : 'restricted');
    const policies = makePolicies(name, { namespace: gatewayNamespace, live }, policiesOf(ingress), parent);
    const metadata = { name: NAMES.ingress, namespace: gatewayNamespace, labels: labels('ingress') };
    if (isBeside) {
      new ConfigMap(`${name}-service`, { metadata, data: { service: SERVICE_PATCH } }, parent);
    }
    new CustomResource(
      `${name}-gateway`,
      {
        apiVersion: API,
        kind: 'Gateway',
        // An update does not wait for the load balancer, nor for the certificate.
        metadata: { ...metadata, annotations: { ...ofGateway(annotations), ...SKIP_AWAIT } },
        spec: {
          gatewayClassName: className,
          ...(isBeside && {
            infrastructure: {
              annotations: ofService(ingress),
              parametersRef: { group: '', kind: 'ConfigMap', name: NAMES.ingress },
            },
          }),
          listeners: [
            {
              name: 'https',
              hostname: host,
              port: HTTPS,
              protocol: 'HTTPS',
              tls: { mode: 'Terminate', certificateRefs: [{ group: '', kind: 'Secret', name: tlsSecret }] },
              allowedRoutes: { namespaces: { from: 'Selector', selector: inNamespace(NAMES.namespace) } },
            },
            // The redirect, and the challenges of an ACME server.
            {
              name: 'http',
              hostname: host,
              port: HTTP,
              protocol: 'HTTP',
              allowedRoutes: { namespaces: { from: 'Same' } },
            },
          ],
        },
      },
      // A proxy never exists without the network policies.
      { ...parent, dependsOn: policies },
    );
    const route = (suffix: string, where: pulumi.Input<string>, sectionName: string, rule: object) =>
      new CustomResource(
        `${name}-${suffix}`,
        {
          apiVersion: API,
          kind: 'HTTPRoute',
          metadata: { ...metadata, namespace: where, annotations: SKIP_AWAIT },
          spec: {
            parentRefs: [
              {
                group: 'gateway.networking.k8s.io',
                kind: 'Gateway',
                name: NAMES.ingress,
                namespace: gatewayNamespace,
                sectionName,
              },
            ],
            hostnames: [host],
            rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], ...rule }],
          },
        },
        parent,
      );
    route('route', namespace, 'https', {
      backendRefs: [{ group: '', kind: 'Service', name: NAMES.service, port: HTTP, weight: 1 }],
      // None: the agent limits how long a run takes, and an event stream lasts for hours.
      timeouts: { request: '0s' },
    });
    route('redirect', gatewayNamespace, 'http', {
      filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }],
    });
    this.registerOutputs();
  }

  #namespace(name: string, level: 'baseline' | 'restricted'): pulumi.Output<string> {
    const security = Object.fromEntries(
      ['enforce', 'audit', 'warn'].map((mode) => [`pod-security.kubernetes.io/${mode}`, level]),
    );
    return new Namespace(
      `${name}-namespace`,
      { metadata: { name: NAMES.gatewayNamespace, labels: { ...labels('ingress'), ...security } } },
      { parent: this },
    ).metadata.name;
  }
}

const ofGateway = (annotations: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(annotations).filter(([key]) => !key.startsWith(OF_SERVICE)));

function ofService({ annotations, sourceRanges }: IngressConfig): Record<string, string> {
  const given = Object.entries(annotations).filter(([key]) => key.startsWith(OF_SERVICE));
  return {
    [`${OF_SERVICE}azure-load-balancer-tcp-idle-timeout`]: IDLE_MINUTES,
    ...(sourceRanges.length > 0 && { [`${OF_SERVICE}azure-allowed-ip-ranges`]: sourceRanges.join(',') }),
    ...Object.fromEntries(given),
  };
}

/**
 * With the policy Cluster, the proxies would see addresses of nodes in place of the callers'. AKS annotates the Service with
 * health probes for Cluster, which fail with Local.
 */
const SERVICE_PATCH = `spec:
  externalTrafficPolicy: Local
metadata:
  annotations:
${[HTTP, HTTPS].flatMap((port) => ['port', 'protocol', 'request-path'].map((what) => `    ${OF_SERVICE}port_${port}_health-probe_${what}:`)).join('\n')}
`;

function policiesOf(ingress: IngressConfig): Record<string, PolicySpec> {
  const toAgent = { namespaceSelector: inNamespace(NAMES.namespace), podSelector: pods('agent') };
  const istio = {
    namespaceSelector: {
      matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ISTIO_NAMESPACES }],
    },
  };
  return {
    ...BASE_POLICIES,
    'allow-acme-solver': acmeSolver(ingress),
    ...(runsBesideGateway(ingress) && {
      'allow-gateway': {
        podSelector: OF_GATEWAY,
        policyTypes: ['Ingress', 'Egress'],
        // From everywhere: this is the way in.
        ingress: [{ ports: [tcp(HTTP), tcp(HTTPS)] }],
        egress: [
          { to: [toAgent], ports: [tcp(AGENT_PORT)] },
          { to: [{ podSelector: ACME_SOLVER }], ports: [tcp(ACME_SOLVER_PORT)] },
          { to: [istio], ports: [tcp(ISTIOD_PORT)] },
        ],
      },
    }),
  };
}
