import type * as k8s from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';

import { AGENT_PORT } from '../../agent/contract.ts';
import { NAMES, PATHS } from '../names.ts';
import { agentEnvironment } from './agent-environment.ts';
import type { AgentPodArgs } from './agent-environment.ts';
import { CONTAINER_SECURITY, placed, POD_BASE, SECRET_MODE } from './pod.ts';
import { CREDENTIAL_KEY } from './secrets/credential.ts';
import type { Login } from './secrets/credential.ts';

/** Seconds from the end of a run's grace time to SIGKILL, to interrupt the run and write its record. */
const FLUSH_SECONDS = 30;

/** Limit of /tmp, and of /tmp and logs together. */
const TMP_SIZE = '2Gi';
const EPHEMERAL_SIZE = '4Gi';

/** Names of the pod's volume claims. */
export interface Claims {
  readonly data: pulumi.Input<string>;
  /** Undefined: the workspace is an emptyDir. */
  readonly workspace: pulumi.Input<string> | undefined;
}

/** The pod of the agent. */
export function agentPod(args: AgentPodArgs, claims: Claims, serviceAccountName: pulumi.Input<string>) {
  const { config, image, login, tokens, claudeConfig } = args;
  const loginPath = login.kind === 'session' ? PATHS.session : PATHS.credential;
  return {
    ...POD_BASE,
    ...placed(config.placement),
    serviceAccountName,
    terminationGracePeriodSeconds: config.graceSeconds + FLUSH_SECONDS,
    containers: [
      {
        name: NAMES.deployment,
        image,
        ports: [{ name: 'http', containerPort: AGENT_PORT }],
        env: agentEnvironment(args),
        resources: {
          requests: {
            cpu: config.resources.cpuRequest,
            memory: config.resources.memoryRequest,
            'ephemeral-storage': '1Gi',
          },
          limits: {
            cpu: config.resources.cpuLimit,
            memory: config.resources.memoryLimit,
            // The limit covers emptyDir volumes, /tmp and logs together.
            'ephemeral-storage': claims.workspace === undefined ? config.workspaceSize : EPHEMERAL_SIZE,
          },
        },
        startupProbe: {
          httpGet: { path: '/health', port: 'http' },
          periodSeconds: 1,
          timeoutSeconds: 5,
          failureThreshold: 120,
        },
        livenessProbe: {
          httpGet: { path: '/health', port: 'http' },
          periodSeconds: 15,
          timeoutSeconds: 10,
          failureThreshold: 4,
        },
        readinessProbe: {
          httpGet: { path: '/ready', port: 'http' },
          periodSeconds: 5,
          timeoutSeconds: 5,
          failureThreshold: 2,
        },
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [
          { name: 'data', mountPath: PATHS.state },
          { name: 'workspace', mountPath: PATHS.workspace },
          { name: 'tmp', mountPath: PATHS.tmp },
          { name: 'login', mountPath: loginPath, readOnly: true },
          { name: 'callback', mountPath: PATHS.callback, readOnly: true },
          ...(claudeConfig ? [{ name: 'config', mountPath: PATHS.config, readOnly: true }] : []),
        ],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: claims.data } },
      {
        name: 'workspace',
        ...(claims.workspace === undefined
          ? { emptyDir: { sizeLimit: config.workspaceSize } }
          : { persistentVolumeClaim: { claimName: claims.workspace } }),
      },
      { name: 'tmp', emptyDir: { sizeLimit: TMP_SIZE } },
      { name: 'callback', secret: { secretName: tokens.callbackSecretName, defaultMode: SECRET_MODE } },
      { name: 'login', ...loginVolume(login) },
      ...(claudeConfig
        ? [{ name: 'config', secret: { secretName: claudeConfig.secretName, defaultMode: SECRET_MODE } }]
        : []),
    ],
  } satisfies k8s.types.input.core.v1.PodSpec;
}

/** The pod's own token is only for Anthropic: its audience is not the API server. */
function loginVolume(login: Login): Omit<k8s.types.input.core.v1.Volume, 'name'> {
  if (login.kind !== 'federation') {
    return { secret: { secretName: login.secretName, items: login.items, defaultMode: SECRET_MODE } };
  }
  const { audience, tokenSeconds: expirationSeconds } = login.federation;
  const serviceAccountToken = { audience, expirationSeconds, path: CREDENTIAL_KEY };
  return { projected: { sources: [{ serviceAccountToken }], defaultMode: SECRET_MODE } };
}
