import type { Provider } from '@pulumi/kubernetes/provider.js';
import { EndpointSlice } from '@pulumi/kubernetes/discovery/v1/endpointSlice.js';
import type * as pulumi from '@pulumi/pulumi';

/** Where the API server itself listens: what `kubernetes.default.svc` leads to, and what a network policy sees. */
export interface ApiServer {
  readonly addresses: readonly string[];
  readonly port: number;
}

/**
 * Looks it up in the cluster, which keeps it in an EndpointSlice of this name. An error, not a value, where that has no
 * address: a rule of a network policy without a destination allows every one.
 */
export function apiServer(cluster: Provider): pulumi.Output<ApiServer> {
  const slice = EndpointSlice.get('api-server', 'default/kubernetes', { provider: cluster });
  return slice.endpoints.apply((endpoints) =>
    slice.ports.apply((ports) => {
      const addresses = endpoints.flatMap((endpoint) => endpoint.addresses).sort();
      if (addresses.length > 0) return { addresses, port: ports[0]?.port ?? 443 };
      throw new Error(
        'The cluster names no address of its API server: `kubectl get endpointslice kubernetes --namespace default` is empty.',
      );
    }),
  );
}
