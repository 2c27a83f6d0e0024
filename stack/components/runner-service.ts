import { Deployment } from '@pulumi/kubernetes/apps/v1/deployment.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import * as pulumi from '@pulumi/pulumi';

import { RUNNER_PORT } from '../../agent/contract.ts';
import { labels, NAMES, selectorLabels, SKIP_AWAIT } from '../names.ts';
import { START_SECONDS } from './pod.ts';
import { runnerPod } from './runner-pod.ts';
import type { RunnerPodArgs } from './runner-pod.ts';

/** Arguments of {@link RunnerService}. */
export interface RunnerServiceArgs extends RunnerPodArgs {
  readonly namespace: pulumi.Input<string>;
}

/** The runners, and the name whose addresses they are. */
export class RunnerService extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: RunnerServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:RunnerService', name, {}, opts);
    const { config, runners, namespace } = args;
    const metadata = { name: NAMES.runner, namespace, labels: labels('runner') };
    // Without rights. A pod of its own account shows up under its own name in the audit log.
    const account = new ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      { parent: this },
    );
    const timeout = `${config.graceSeconds + START_SECONDS}s`;
    new Deployment(
      `${name}-deployment`,
      {
        metadata,
        spec: {
          replicas: runners.count + runners.warm,
          revisionHistoryLimit: 10,
          // A runner that has a run ends after it. With a volume for one pod, the next runner waits for that.
          strategy:
            args.workspaceClaim !== undefined && config.workspace.accessMode === 'ReadWriteOnce'
              ? { type: 'Recreate' }
              : { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
          selector: { matchLabels: selectorLabels('runner') },
          template: {
            metadata: {
              labels: labels('runner'),
              // An autoscaler that moves the pod would interrupt its run.
              annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
            },
            spec: runnerPod(args, account.metadata.name),
          },
        },
      },
      { parent: this, customTimeouts: { create: timeout, update: timeout, delete: timeout } },
    );
    new Service(
      `${name}-service`,
      {
        metadata: { ...metadata, annotations: SKIP_AWAIT },
        spec: {
          type: 'ClusterIP',
          // A name whose addresses are the pods.
          clusterIP: 'None',
          selector: selectorLabels('runner'),
          ports: [{ name: 'http', port: RUNNER_PORT, targetPort: 'http' }],
        },
      },
      { parent: this },
    );
    this.registerOutputs();
  }
}
