import type * as k8s from '@pulumi/kubernetes';

import type { Placement, StackConfig } from '../config/config.ts';

/** Numeric user and group in the image. */
export const USER = 10001;

type PodSpec = k8s.types.input.core.v1.PodSpec;
type SecurityContext = k8s.types.input.core.v1.SecurityContext;

/** What all our pods have in common: no API server token, no root, the default seccomp profile, no service variables. */
export const POD_BASE = {
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: USER,
    runAsGroup: USER,
    fsGroup: USER,
    // Without it the kubelet changes the owner of every file of the volume at each start.
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  },
} satisfies Omit<PodSpec, 'containers'>;

/** The part of a pod that selects its nodes; empty for any node. */
export function placed({ nodeSelector, tolerations }: Placement): Pick<PodSpec, 'nodeSelector' | 'tolerations'> {
  return {
    ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
    ...(tolerations.length === 0 ? {} : { tolerations: [...tolerations] }),
  };
}

/** Addresses that are always called without a proxy. */
const IN_CLUSTER = 'localhost,127.0.0.1,.svc,.cluster.local';

/** Environment variables for a proxy; empty without one. */
export function proxied({
  httpsProxy,
  noProxy,
}: Pick<StackConfig, 'httpsProxy' | 'noProxy'>): Readonly<Record<string, string>> {
  if (httpsProxy === undefined) return {};
  return { HTTPS_PROXY: httpsProxy, NO_PROXY: [IN_CLUSTER, noProxy].filter(Boolean).join(',') };
}

/** What all our containers have in common. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} satisfies SecurityContext;

/** Seconds from the end of a run's grace time to SIGKILL, to interrupt the run and write its record. */
export const FLUSH_SECONDS = 30;

/** Seconds to pull the image and start, in addition to the time that the old pod may take to end. */
export const START_SECONDS = 300;

/** Limit of /tmp, and of emptyDir volumes, /tmp and logs together. */
export const TMP_SIZE = '2Gi';
export const EPHEMERAL_SIZE = '4Gi';

/** What the kubelet would mount by itself with `automountServiceAccountToken`. */
export const ACCOUNT_SOURCES: k8s.types.input.core.v1.VolumeProjection[] = [
  { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
  { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
];

/** Readable only by the owner and the group, which is the pod's fsGroup. */
export const SECRET_MODE = 0o440;
