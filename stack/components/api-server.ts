import type { Provider } from '@pulumi/kubernetes/provider.js';
import { EndpointSlice } from '@pulumi/kubernetes/discovery/v1/endpointSlice.js';
import type * as pulumi from '@pulumi/pulumi';

/** Where the API server itself listens: the endpoints of `kubernetes.default.svc`, which are what a network policy sees. */
export interface ApiServer {
  readonly addresses: readonly string[];
  readonly port: number;
}

/**
 * Looks up the API server's EndpointSlice. Without an address the output fails: a network policy rule without a destination
 * would allow every destination.
 */
export function apiServer(cluster: Provider): pulumi.Output<ApiServer> {
  const slice = EndpointSlice.get('api-server', 'default/kubernetes', { provider: cluster });
  return slice.endpoints.apply((endpoints) =>
    slice.ports.apply((ports) => {
      const addresses = endpoints.flatMap((endpoint) => endpoint.addresses).sort();
      if (addresses.length > 0) return { addresses, port: ports[0]?.port ?? 443 };
      throw new Error(
        'The address of the API server is unknown: the EndpointSlice `kubernetes` is empty. Check it: `kubectl get endpointslice kubernetes --namespace default`.',
      );
    }),
  );
}
