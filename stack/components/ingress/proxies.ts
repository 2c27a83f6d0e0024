import { runsBesideGateway } from '../../config/ingress.ts';
import type { IngressConfig } from '../../config/ingress.ts';
import { NAMES } from '../../names.ts';
import { inNamespace, tcp } from '../policies.ts';
import type { Peer, PolicySpec } from '../policies.ts';

/** The label of the pods that a controller starts for a Gateway (GEP-1762), by the Gateway's name. */
export const OF_GATEWAY = { matchLabels: { 'gateway.networking.k8s.io/gateway-name': NAMES.ingress } };

/** Pods with which cert-manager answers an HTTP-01 challenge. */
export const ACME_SOLVER = { matchLabels: { 'acme.cert-manager.io/http01-solver': 'true' } };
export const ACME_SOLVER_PORT = 8089;

/** The pods that pass requests from outside on to the agent. */
export function proxies(ingress: IngressConfig): Peer {
  return runsBesideGateway(ingress)
    ? { namespaceSelector: inNamespace(NAMES.gatewayNamespace), podSelector: OF_GATEWAY }
    : { namespaceSelector: inNamespace(ingress.controllerNamespace ?? '') };
}

/** Lets the challenges of an ACME server through to cert-manager's pods beside the Gateway or the Ingress. */
export function acmeSolver(ingress: IngressConfig): PolicySpec {
  return {
    podSelector: ACME_SOLVER,
    policyTypes: ['Ingress'],
    ingress: [{ from: [proxies(ingress)], ports: [tcp(ACME_SOLVER_PORT)] }],
  };
}
