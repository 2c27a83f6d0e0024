import type * as k8s from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';

import { RUNNER_ENV, RUNNER_PORT } from '../../agent/contract.ts';
import type { StackConfig } from '../config/config.ts';
import type { RunnersConfig } from '../config/runners.ts';
import { NAMES, PATHS } from '../names.ts';
import { CONTAINER_SECURITY, FLUSH_SECONDS, placed, POD_BASE, proxied, TMP_SIZE } from './pod.ts';
import { resourcesOf, workspaceVolume } from './workspace.ts';

/** What a runner's pod is built from. */
export interface RunnerPodArgs {
  readonly config: StackConfig;
  readonly runners: RunnersConfig;
  /** Undefined: that of the nodes. */
  readonly runtimeClassName: pulumi.Input<string> | undefined;
  /** The image by digest; the agent's own. */
  readonly image: pulumi.Output<string>;
  /** Of the agent; base64. */
  readonly publicKey: pulumi.Output<string>;
  /** Undefined: the workspace is an emptyDir. */
  readonly workspaceClaim: pulumi.Input<string> | undefined;
}

/** The pod of a runner. It has no Secret, no token and no identity, because a prompt can read whatever is in it. */
export function runnerPod(args: RunnerPodArgs, serviceAccountName: pulumi.Input<string>) {
  const { config, runtimeClassName, image, workspaceClaim } = args;
  const health = { httpGet: { path: '/health', port: 'http' } };
  return {
    ...POD_BASE,
    ...placed(config.placement),
    serviceAccountName,
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    terminationGracePeriodSeconds: config.graceSeconds + FLUSH_SECONDS,
    containers: [
      {
        name: NAMES.runner,
        image,
        args: ['unreadable-node', '--disable-sigusr1', 'agent/runner/main.ts'],
        ports: [{ name: 'http', containerPort: RUNNER_PORT }],
        env: Object.entries(environment(args)).map(([name, value]) => ({ name, value })),
        resources: resourcesOf(config, workspaceClaim),
        startupProbe: { ...health, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120 },
        readinessProbe: { ...health, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 2 },
        // No probe may start a process in the container, because the runner kills all others after a run. A run can stop the
        // runner, and then nobody is left to end gracefully.
        livenessProbe: {
          ...health,
          periodSeconds: 10,
          timeoutSeconds: 5,
          failureThreshold: 3,
          terminationGracePeriodSeconds: 1,
        },
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [
          { name: 'home', mountPath: PATHS.runnerHome },
          { name: 'workspace', mountPath: PATHS.workspace },
          { name: 'tmp', mountPath: PATHS.tmp },
        ],
      },
    ],
    volumes: [
      { name: 'home', emptyDir: { sizeLimit: TMP_SIZE } },
      workspaceVolume(config, workspaceClaim),
      { name: 'tmp', emptyDir: { sizeLimit: TMP_SIZE } },
    ],
  } satisfies k8s.types.input.core.v1.PodSpec;
}

function environment({ config, runners, publicKey }: RunnerPodArgs): Record<string, pulumi.Input<string>> {
  return {
    [RUNNER_ENV.port]: String(RUNNER_PORT),
    [RUNNER_ENV.publicKey]: publicKey,
    [RUNNER_ENV.home]: PATHS.runnerHome,
    [RUNNER_ENV.workspace]: PATHS.workspace,
    [RUNNER_ENV.keepWorkspace]: String(config.workspace.lifetime === 'keep'),
    [RUNNER_ENV.graceSeconds]: String(config.graceSeconds),
    [RUNNER_ENV.logLevel]: config.logLevel,
    ...(runners.egress === 'internet' ? proxied(config) : {}),
  };
}
