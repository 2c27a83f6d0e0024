import type * as k8s from '@pulumi/kubernetes';

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

/** What every container of ours has. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} satisfies SecurityContext;

/** Readable by the group, which is the pod's fsGroup, and by nobody else. */
export const SECRET_MODE = 0o440;
