import type { ProviderArgs } from '@pulumi/kubernetes/provider.js';
import type * as pulumi from '@pulumi/pulumi';

/** Where the image is pushed and where it runs: everything that differs between targets. */
export interface Target {
  /** Prefix of the image's name: a registry, and its path if it has one. */
  readonly registry: pulumi.Input<string>;
  /** Logs Docker in to the registry right before a push; undefined if the operator does that. */
  readonly beforePush?: () => Promise<void>;
  /** How the Kubernetes provider reaches the cluster; if neither is given, through the current context of the kubeconfig. */
  readonly access: Pick<ProviderArgs, 'context' | 'kubeconfig'>;
  /** What must exist before the first object in the cluster. */
  readonly ready: readonly pulumi.Resource[];
  /** Client ID of the Azure identity that the agent's ServiceAccount acts as. */
  readonly identityClientId?: pulumi.Input<string> | undefined;
  /** Links to the Azure portal. */
  readonly portal?: pulumi.Output<Record<string, string>>;
}
