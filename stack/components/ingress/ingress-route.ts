import { Ingress } from '@pulumi/kubernetes/networking/v1/ingress.js';
import * as pulumi from '@pulumi/pulumi';

import type { IngressConfig } from '../../config/ingress.ts';
import { labels, NAMES, SKIP_AWAIT } from '../../names.ts';

/** Arguments of {@link IngressRoute}. */
export interface IngressRouteArgs {
  /** The agent's. */
  readonly namespace: pulumi.Input<string>;
  readonly ingress: IngressConfig;
}

/** Longer than a client of `POST /run` waits, and than an event stream is silent. */
const IDLE = '1h';

/**
 * What the usual controllers need to pass on a run of ten minutes, an upload of any size and an event stream, and to take
 * nothing without TLS. A controller ignores the annotations of the others.
 */
const OF_CONTROLLERS: Readonly<Record<string, string>> = {
  // F5 NGINX Ingress Controller; it redirects to HTTPS by itself.
  'nginx.org/client-max-body-size': '0',
  'nginx.org/proxy-buffering': 'False',
  'nginx.org/proxy-read-timeout': IDLE,
  'nginx.org/proxy-send-timeout': IDLE,
  // HAProxy Kubernetes Ingress Controller.
  'haproxy.org/ssl-redirect': 'true',
  'haproxy.org/ssl-redirect-code': '301',
  'haproxy.org/ssl-redirect-port': '443',
  'haproxy.org/timeout-server': IDLE,
  // Traefik: without it, the host would answer without TLS too. It redirects where its entry point is set to.
  'traefik.ingress.kubernetes.io/router.tls': 'true',
};

/** An Ingress from the host to the agent. */
export class IngressRoute extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, { namespace, ingress }: IngressRouteArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:IngressRoute', name, {}, opts);
    const { host, className, tlsSecret, annotations } = ingress;
    new Ingress(
      `${name}-ingress`,
      {
        metadata: {
          name: NAMES.ingress,
          namespace,
          labels: labels('ingress'),
          // The provider would wait for an address, which not every controller writes there.
          annotations: { ...OF_CONTROLLERS, ...annotations, ...SKIP_AWAIT },
        },
        spec: {
          ingressClassName: className,
          tls: [{ hosts: [host], secretName: tlsSecret }],
          rules: [
            {
              host,
              http: {
                paths: [
                  {
                    path: '/',
                    pathType: 'Prefix',
                    backend: { service: { name: NAMES.service, port: { number: 80 } } },
                  },
                ],
              },
            },
          ],
        },
      },
      { parent: this },
    );
    this.registerOutputs();
  }
}
