import { LimitRange } from '@pulumi/kubernetes/core/v1/limitRange.js';
import { Namespace } from '@pulumi/kubernetes/core/v1/namespace.js';
import { ResourceQuota } from '@pulumi/kubernetes/core/v1/resourceQuota.js';
import * as pulumi from '@pulumi/pulumi';

import type { RunnersConfig } from '../config/runners.ts';
import { labels, NAMES } from '../names.ts';

/** Arguments of {@link AgentNamespace}. */
export interface AgentNamespaceArgs {
  /** Refuse to delete it, because everything in it would be deleted too. */
  readonly protectData: boolean;
  /** Undefined: `claude` runs in the agent's pod. */
  readonly runners: RunnersConfig | undefined;
}

/** Pods of agent and watchdog, and those that somebody starts by hand. */
const OTHER_PODS = 20;

/** The namespace: Kubernetes accepts only restricted pods in it, and nothing is reachable from outside the cluster. */
export class AgentNamespace extends pulumi.ComponentResource {
  /** Known once the namespace exists. */
  readonly namespaceName: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: AgentNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:AgentNamespace', name, {}, opts);
    const restricted = Object.fromEntries(
      ['enforce', 'audit', 'warn'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']),
    );
    const namespace = new Namespace(
      `${name}-namespace`,
      { metadata: { name: NAMES.namespace, labels: { ...labels('namespace'), ...restricted } } },
      { parent: this, protect: args.protectData },
    );
    this.namespaceName = namespace.metadata.name;
    const metadata = { name: NAMES.namespace, namespace: this.namespaceName, labels: labels('namespace') };
    const { count = 0, warm = 0 } = args.runners ?? {};
    // An update starts new runners before the old ones have ended.
    const pods = String(OTHER_PODS + 2 * (count + warm));
    new ResourceQuota(
      `${name}-quota`,
      { metadata, spec: { hard: { pods, 'services.loadbalancers': '0', 'services.nodeports': '0' } } },
      { parent: this },
    );
    // For pods that somebody starts by hand without resources of their own.
    new LimitRange(
      `${name}-limits`,
      {
        metadata,
        spec: {
          limits: [
            {
              type: 'Container',
              defaultRequest: { cpu: '50m', memory: '64Mi' },
              default: { cpu: '500m', memory: '256Mi', 'ephemeral-storage': '1Gi' },
            },
          ],
        },
      },
      { parent: this },
    );
    this.registerOutputs({ namespaceName: this.namespaceName });
  }
}
