import { MAX_TRUSTED_PROXIES, mistakeInRange } from '../../agent/http/reach/rules.ts';
import { NAMES } from '../names.ts';
import { npmRun } from '../next-command.ts';
import { ANNOTATIONS } from './items.ts';
import type { ConfigReader } from './reader.ts';
import { TEXT } from './values.ts';

/** How the agent is reached from outside of the cluster. */
export interface IngressConfig {
  /** The DNS name. */
  readonly host: string;
  /** With a Gateway and HTTPRoutes, or with an Ingress. */
  readonly kind: 'gateway' | 'ingress';
  /** Name of the GatewayClass or IngressClass. */
  readonly className: string;
  /** Where the pods run that pass requests on. Undefined: beside the Gateway, where Istio starts them. */
  readonly controllerNamespace: string | undefined;
  /** Of the Gateway or the Ingress. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The Secret with the certificate, in the namespace of the Gateway or the Ingress. */
  readonly tlsSecret: string;
  /** Ranges of addresses that may call. Empty: all. */
  readonly sourceRanges: readonly string[];
  /** How many proxies there are between a caller and the agent. */
  readonly trustedProxies: number;
}

/** The GatewayClass of AKS's application routing. */
const APP_ROUTING = 'approuting-istio';
/** Classes whose controller starts a proxy of its own for each Gateway, in the Gateway's namespace. */
const BESIDE_GATEWAY: readonly string[] = [APP_ROUTING, 'istio'];
/** The IngressClass of the managed NGINX of AKS. */
const RETIRED = 'webapprouting.kubernetes.azure.com';
const ONE_PROXY = 1;

/** Whether the class starts its proxies in the namespace of the Gateway. */
export const runsBesideGateway = ({ kind, controllerNamespace }: IngressConfig): boolean =>
  kind === 'gateway' && controllerNamespace === undefined;

/** By the rules of the agent, which applies them. */
function rangeMistakes(items: readonly unknown[]): string[] {
  return items.flatMap((item, index) => {
    const mistake = typeof item === 'string' ? mistakeInRange(item) : 'is no text';
    return mistake === undefined ? [] : [`[${index}] is ${JSON.stringify(item)}, which ${mistake}`];
  });
}

/** Reads the keys of the way from outside. @returns undefined if there is none. */
export function readIngress(read: ConfigReader): IngressConfig | undefined {
  const host = read.optional('host', ...TEXT.host);
  const given = {
    kind: read.oneOf('ingress', ['gateway', 'ingress']),
    className: read.optional('ingressClass', ...TEXT.className),
    controllerNamespace: read.optional('ingressNamespace', ...TEXT.namespace),
    annotations: read.map('ingressAnnotations', ANNOTATIONS),
    tlsSecret: read.optional('tlsSecret', ...TEXT.secret),
    sourceRanges: read.checkedList(
      'sourceRanges',
      'a list of ranges, such as ["203.0.113.0/24", "2001:db8::/32"]',
      rangeMistakes,
    ) as readonly string[],
    trustedProxies: read.integer('trustedProxies', ONE_PROXY, MAX_TRUSTED_PROXIES),
  };
  if (host === undefined) {
    // An invalid one is a mistake already.
    const isEmpty = read.plain()['host'] === '';
    for (const key of isEmpty ? withoutHost(given) : []) {
      read.mistake(
        `${key} is set, but host is not, so that nothing outside of the cluster reaches the agent. Set host to its DNS name, or remove ${key}: \`${npmRun('pulumi', `config rm ${key}`)}\`.`,
      );
    }
    return undefined;
  }
  for (const mistake of mistakesIn(host, given)) read.mistake(mistake);
  const { className = APP_ROUTING, tlsSecret = '', ...rest } = given;
  return { ...rest, host, className, tlsSecret };
}

type Given = Omit<IngressConfig, 'host' | 'className' | 'tlsSecret'> & {
  readonly className: string | undefined;
  readonly tlsSecret: string | undefined;
};

function withoutHost(given: Given): string[] {
  const isSet = {
    ingress: given.kind === 'ingress',
    ingressClass: given.className !== undefined,
    ingressNamespace: given.controllerNamespace !== undefined,
    ingressAnnotations: Object.keys(given.annotations).length > 0,
    tlsSecret: given.tlsSecret !== undefined,
    sourceRanges: given.sourceRanges.length > 0,
    trustedProxies: given.trustedProxies !== ONE_PROXY,
  };
  return Object.entries(isSet).flatMap(([key, is]) => (is ? [key] : []));
}

function mistakesIn(host: string, { kind, className, controllerNamespace, tlsSecret }: Given): string[] {
  return [
    ...(tlsSecret === undefined
      ? [
          `tlsSecret is empty; with host it must be the name of a Secret with the certificate of ${host}, because tokens are never sent without TLS. cert-manager can fill it (docs/ingress.md#the-certificate).`,
        ]
      : []),
    ...classMistakes(kind, className, controllerNamespace),
    ...(controllerNamespace === NAMES.namespace || controllerNamespace === NAMES.gatewayNamespace
      ? [
          `ingressNamespace is ${controllerNamespace}, a namespace of the stack itself. It must be the one in which the pods of your ingress controller run, or empty with ${BESIDE_GATEWAY.join(' and ')}.`,
        ]
      : []),
  ];
}

function classMistakes(
  kind: IngressConfig['kind'],
  className: string | undefined,
  controllerNamespace: string | undefined,
): string[] {
  if (className === RETIRED) {
    return [
      `ingressClass is ${RETIRED}, the managed NGINX of AKS, which Azure supports only until November 2026. Take AKS's Gateway API in its place (\`az aks update --enable-app-routing-istio\`): remove ingressClass, and set ingress to gateway.`,
    ];
  }
  if (kind === 'ingress' && className === undefined) {
    return ['ingressClass is empty; with ingress ingress it must be one of `kubectl get ingressclasses`.'];
  }
  if (controllerNamespace !== undefined || (kind === 'gateway' && BESIDE_GATEWAY.includes(className ?? APP_ROUTING))) {
    return [];
  }
  return [
    `ingressNamespace is empty; with ingressClass ${className ?? ''} it must be the namespace in which the pods of that controller run, such as traefik: the network policies let only them reach the agent.`,
  ];
}
