import { Deployment } from '@pulumi/kubernetes/apps/v1/deployment.js';
import { PersistentVolumeClaim } from '@pulumi/kubernetes/core/v1/persistentVolumeClaim.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import * as pulumi from '@pulumi/pulumi';

import { agentPod } from './agent-pod.ts';
import { permit } from './permissions.ts';
import { START_SECONDS } from './pod.ts';
import type { AgentPodArgs } from './agent-environment.ts';
import { ANNOTATION, labels, NAMES, selectorLabels, SKIP_AWAIT } from '../names.ts';

/** Arguments of {@link AgentService}. */
export interface AgentServiceArgs extends AgentPodArgs {
  readonly namespace: pulumi.Input<string>;
  /** Client ID of an Azure identity; the pod gets tokens for it. */
  readonly identityClientId?: pulumi.Input<string> | undefined;
}

/**
 * With `Recreate` the provider's own wait ends too early: while the old pod ends there is no new ReplicaSet, and the
 * conditions are still those of the last rollout. These counts are the new pod's once the controller has observed the
 * change, which the provider checks.
 */
const UNTIL_NEW_POD = {
  'pulumi.com/waitFor': JSON.stringify(['jsonpath={.status.updatedReplicas}=1', 'jsonpath={.status.readyReplicas}=1']),
};

/** The agent: one pod, its volume, and the Service that n8n calls. */
export class AgentService extends pulumi.ComponentResource {
  readonly deploymentName: pulumi.Output<string>;
  /** The claim of the workspace's volume; undefined if the workspace is an emptyDir. */
  readonly workspaceClaim: pulumi.Output<string> | undefined;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: AgentServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:AgentService', name, {}, opts);
    const { config, namespace, identityClientId } = args;
    const metadata = { namespace, labels: labels('agent') };
    const account = new ServiceAccount(
      `${name}-account`,
      {
        metadata: {
          ...metadata,
          name: NAMES.deployment,
          ...(identityClientId === undefined
            ? {}
            : { annotations: { 'azure.workload.identity/client-id': identityClientId } }),
        },
        automountServiceAccountToken: false,
      },
      { parent: this },
    );
    if (config.runners?.reuse === false) {
      const named = { ...metadata, name: NAMES.deployment };
      const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['delete'] }];
      permit(name, { metadata: named, account: account.metadata.name, rules }, { parent: this });
    }
    const volume = (volumeName: string, claim: string, size: string, accessMode = 'ReadWriteOnce') =>
      new PersistentVolumeClaim(
        volumeName,
        {
          // If a pod waits for it already, it may be bound before the provider looks, which would wait for it to be pending.
          metadata: { ...metadata, name: claim, annotations: SKIP_AWAIT },
          spec: {
            accessModes: [accessMode],
            resources: { requests: { storage: size } },
            ...(config.storageClass === undefined ? {} : { storageClassName: config.storageClass }),
          },
        },
        { parent: this, protect: config.protectData },
      ).metadata.name;
    const data = volume(`${name}-data`, NAMES.volume, config.volumeSize);
    const { storage, size, accessMode } = config.workspace;
    this.workspaceClaim =
      storage === 'volume' ? volume(`${name}-workspace`, NAMES.workspaceVolume, size, accessMode) : undefined;
    const claims = { data, workspace: this.workspaceClaim };
    const timeout = `${config.graceSeconds + START_SECONDS}s`;
    const deployment = new Deployment(
      `${name}-deployment`,
      {
        metadata: {
          ...metadata,
          name: NAMES.deployment,
          annotations: { ...UNTIL_NEW_POD, 'kubernetes.io/change-cause': changeCause(args) },
        },
        spec: {
          replicas: 1,
          revisionHistoryLimit: 10,
          // Only one process may renew the login, and the volume with the run records is for one pod.
          strategy: { type: 'Recreate' },
          selector: { matchLabels: selectorLabels('agent') },
          template: {
            metadata: {
              labels: {
                ...labels('agent'),
                ...(identityClientId === undefined ? {} : { 'azure.workload.identity/use': 'true' }),
              },
              annotations: {
                // An autoscaler that moves the pod would interrupt its run and empty its workspace.
                'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
                ...config.podAnnotations,
                [`${ANNOTATION}/login-checksum`]: args.login.checksum,
                [`${ANNOTATION}/token-checksum`]: args.tokens.checksum,
                ...(args.gitCredentials && { [`${ANNOTATION}/git-checksum`]: args.gitCredentials.checksum }),
                ...(args.certificates && { [`${ANNOTATION}/certificates-checksum`]: args.certificates.checksum }),
                ...(args.claudeConfig && { [`${ANNOTATION}/config-checksum`]: args.claudeConfig.checksum }),
              },
            },
            spec: agentPod(args, claims, account.metadata.name),
          },
        },
      },
      { parent: this, customTimeouts: { create: timeout, update: timeout, delete: timeout } },
    );
    new Service(
      `${name}-service`,
      {
        // The Deployment already waits for a ready pod; the provider would wait ten seconds more.
        metadata: { ...metadata, name: NAMES.service, annotations: SKIP_AWAIT },
        spec: {
          type: 'ClusterIP',
          selector: selectorLabels('agent'),
          ports: [{ name: 'http', port: 80, targetPort: 'http' }],
        },
      },
      { parent: this },
    );
    this.deploymentName = deployment.metadata.name;
    this.registerOutputs({ deploymentName: this.deploymentName });
  }
}

/** What `kubectl rollout history` shows for a revision. */
function changeCause({ config, image, login }: AgentServiceArgs): pulumi.Output<string> {
  const digest = image.apply((reference) => reference.split('@sha256:')[1]?.slice(0, 12) ?? reference);
  const seed = login.checksum.apply((checksum) => checksum.slice(0, 12));
  return pulumi.interpolate`image ${digest}, ${config.authMode} ${seed}`;
}
