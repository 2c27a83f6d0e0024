import type { ProviderArgs } from '@pulumi/kubernetes/provider.js';
import type * as pulumi from '@pulumi/pulumi';

/** Where the image goes and where it runs: all that differs from one target to the next. */
export interface Target {
  /** What the image's name begins with: a registry, with a path where it has one. */
  readonly registry: pulumi.Input<string>;
  /** Logs Docker in to the registry, right before a push; undefined where the operator has. */
  readonly beforePush?: () => Promise<void>;
  /** How the provider of Kubernetes reaches the cluster; neither given is the current context of the kubeconfig. */
  readonly access: Pick<ProviderArgs, 'context' | 'kubeconfig'>;
  /** What must be there before the first object in the cluster. */
  readonly ready: readonly pulumi.Resource[];
  /** Client id of the Azure identity that the agent's ServiceAccount stands for. */
  readonly identityClientId?: pulumi.Input<string> | undefined;
  /** Addresses of what is where in Azure's portal. */
  readonly portal?: pulumi.Output<Record<string, string>>;
}
