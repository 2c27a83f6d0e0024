import type { Resource } from './rule.ts';

/** The parts of Kubernetes objects that the rules check. Everything may be missing; that is for the rules to detect. */
export interface Metadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** A container of a pod. */
export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: unknown; readonly valueFrom?: object }[];
  readonly ports?: readonly { readonly hostPort?: number }[];
  readonly resources?: Readonly<Record<'requests' | 'limits', Readonly<Record<string, string>> | undefined>>;
  readonly securityContext?: Readonly<Record<string, unknown>> & {
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
}

/** A pod's `spec`. */
export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly serviceAccountName?: string;
  readonly enableServiceLinks?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
}

/** A pod, its metadata, and the selector of the workload that creates it. */
export interface Pod {
  readonly metadata: Metadata;
  readonly spec: PodSpec;
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
}

/** The namespace of a Gateway. */
export const GATEWAY_NAMESPACE = 'claude-agent-gateway';

/** Whether a resource is an object in a cluster. */
export const isObject = ({ type }: Resource): boolean => type.startsWith('kubernetes:');

/** The last part of a type: Deployment. */
export const kindOf = ({ type }: Resource): string => type.split(':').at(-1) ?? '';

/** Its metadata; empty if it has none. */
export const metadataOf = ({ inputs }: Resource): Metadata => inputs['metadata'] ?? {};

/** Its `spec`; empty if it has none. */
export const specOf = ({ inputs }: Resource): unknown => inputs['spec'] ?? {};

/** The pod that a resource is or creates. */
export function podOf(resource: Resource): Pod | undefined {
  if (!isObject(resource)) return undefined;
  switch (kindOf(resource)) {
    case 'Deployment':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'ReplicaSet':
    case 'Job': {
      const { template, selector } = specOf(resource) as { template: Pod; selector?: object };
      return { ...template, ...(selector && { selector }) };
    }
    case 'CronJob':
      return (specOf(resource) as { jobTemplate: { spec: { template: Pod } } }).jobTemplate.spec.template;
    case 'Pod':
      return { metadata: metadataOf(resource), spec: specOf(resource) as PodSpec };
    default:
      return undefined;
  }
}

/** All containers of a pod. */
export const containersOf = ({ spec }: Pod): Container[] => [...(spec.initContainers ?? []), ...spec.containers];
