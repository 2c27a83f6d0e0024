import type * as k8s from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';

import type { StackConfig } from '../config/config.ts';
import { EPHEMERAL_SIZE } from './pod.ts';

/** While runs work on runners: for `claude` in the agent's own pod. */
const OWN_SIZE = '1Gi';

/** The size limit of the workspace in the agent's pod, a quantity of Kubernetes. */
export function agentWorkspaceSize({ runners, workspace }: StackConfig): string {
  return runners ? OWN_SIZE : workspace.size;
}

/** The resources of the container that runs `claude`. @param claim of its workspace; undefined for an emptyDir. */
export function resourcesOf(
  { resources, workspace }: StackConfig,
  claim: pulumi.Input<string> | undefined,
): k8s.types.input.core.v1.ResourceRequirements {
  // The limit covers emptyDir volumes, /tmp and logs together.
  const disk = claim === undefined ? workspace.size : EPHEMERAL_SIZE;
  return {
    requests: { cpu: resources.cpuRequest, memory: resources.memoryRequest, 'ephemeral-storage': '1Gi' },
    limits: { cpu: resources.cpuLimit, memory: resources.memoryLimit, 'ephemeral-storage': disk },
  };
}

/** The workspace of the container that runs `claude`. @param claim undefined for an emptyDir. */
export function workspaceVolume(
  { workspace }: StackConfig,
  claim: pulumi.Input<string> | undefined,
): k8s.types.input.core.v1.Volume {
  return {
    name: 'workspace',
    ...(claim === undefined
      ? { emptyDir: { sizeLimit: workspace.size } }
      : { persistentVolumeClaim: { claimName: claim } }),
  };
}
