import type * as k8s from '@pulumi/kubernetes';

import type { Placement, StackConfig } from '../config/config.ts';

/** Numeric user and group of the image. */
export const USER = 10001;

type PodSpec = k8s.types.input.core.v1.PodSpec;
type SecurityContext = k8s.types.input.core.v1.SecurityContext;

/** What every pod of ours has: no token of the API server, no root, the standard seccomp profile, no service variables. */
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

/** The part of a pod that says which nodes it runs on; empty where any will do. */
export function placed({ nodeSelector, tolerations }: Placement): Pick<PodSpec, 'nodeSelector' | 'tolerations'> {
  return {
    ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
    ...(tolerations.length === 0 ? {} : { tolerations: [...tolerations] }),
  };
}

/** What is called without a proxy, whatever else is. */
const IN_CLUSTER = 'localhost,127.0.0.1,.svc,.cluster.local';

/** Variables that lead out by a proxy; empty where there is none. */
export function proxied({
  httpsProxy,
  noProxy,
}: Pick<StackConfig, 'httpsProxy' | 'noProxy'>): Readonly<Record<string, string>> {
  if (httpsProxy === undefined) return {};
  return { HTTPS_PROXY: httpsProxy, NO_PROXY: [IN_CLUSTER, noProxy].filter(Boolean).join(',') };
}

/** What every container of ours has. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} satisfies SecurityContext;

/** Readable by the group, which is the pod's fsGroup, and by nobody else. */
export const SECRET_MODE = 0o440;
