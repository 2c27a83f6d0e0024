import type * as k8s from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';

import { AGENT_PORT, GATEWAY_PORT } from '../../agent/contract.ts';
import { NAMES, PATHS } from '../names.ts';
import { agentEnvironment } from './agent-environment.ts';
import type { AgentPodArgs } from './agent-environment.ts';
import { trusting } from './certificates.ts';
import {
  ACCOUNT_SOURCES,
  CONTAINER_SECURITY,
  EPHEMERAL_SIZE,
  FLUSH_SECONDS,
  placed,
  POD_BASE,
  SECRET_MODE,
  TMP_SIZE,
} from './pod.ts';
import { CREDENTIAL_KEY } from './secrets/credential.ts';
import type { Login } from './secrets/credential.ts';
import { agentWorkspaceSize, resourcesOf, workspaceVolume } from './workspace.ts';

/**
 * Resources of an agent whose runs are on runners. Besides the agent, they are for `claude auth status`, the watchdog's
 * prompts, and `claude` for whoever calls it in the pod.
 */
const OWN_RESOURCES = {
  requests: { cpu: '250m', memory: '512Mi', 'ephemeral-storage': '256Mi' },
  limits: { cpu: '2', memory: '2Gi', 'ephemeral-storage': EPHEMERAL_SIZE },
};

/** Names of the pod's volume claims. */
export interface Claims {
  readonly data: pulumi.Input<string>;
  /** Undefined: the workspace is an emptyDir. */
  readonly workspace: pulumi.Input<string> | undefined;
}

/** The pod of the agent. */
export function agentPod(args: AgentPodArgs, claims: Claims, serviceAccountName: pulumi.Input<string>) {
  const { config, image, login, tokens, claudeConfig, gitCredentials, certificates, tracingHeaders } = args;
  const trusted = trusting(certificates);
  const { runners } = config;
  const deletesPods = runners?.reuse === false;
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
        ports: [
          { name: 'http', containerPort: AGENT_PORT },
          ...(runners ? [{ name: 'gateway', containerPort: GATEWAY_PORT }] : []),
        ],
        env: agentEnvironment(args),
        resources: runners ? OWN_RESOURCES : resourcesOf(config, claims.workspace),
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
          ...(gitCredentials ? [{ name: 'git', mountPath: PATHS.git, readOnly: true }] : []),
          ...trusted.mounts,
          ...(tracingHeaders ? [{ name: 'tracing', mountPath: PATHS.tracing, readOnly: true }] : []),
          ...(tokens.runnerKey ? [{ name: 'runner-key', mountPath: PATHS.runnerKey, readOnly: true }] : []),
          ...(deletesPods ? [{ name: 'account', mountPath: PATHS.account, readOnly: true }] : []),
        ],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: claims.data } },
      runners
        ? { name: 'workspace', emptyDir: { sizeLimit: agentWorkspaceSize(config) } }
        : workspaceVolume(config, claims.workspace),
      { name: 'tmp', emptyDir: { sizeLimit: TMP_SIZE } },
      { name: 'callback', secret: { secretName: tokens.callbackSecretName, defaultMode: SECRET_MODE } },
      { name: 'login', ...loginVolume(login) },
      ...trusted.volumes,
      ...(claudeConfig
        ? [{ name: 'config', secret: { secretName: claudeConfig.secretName, defaultMode: SECRET_MODE } }]
        : []),
      ...(gitCredentials
        ? [{ name: 'git', secret: { secretName: gitCredentials.secretName, defaultMode: SECRET_MODE } }]
        : []),
      ...(tracingHeaders
        ? [{ name: 'tracing', secret: { secretName: tracingHeaders.secretName, defaultMode: SECRET_MODE } }]
        : []),
      ...(tokens.runnerKey
        ? [{ name: 'runner-key', secret: { secretName: tokens.runnerKey.secretName, defaultMode: SECRET_MODE } }]
        : []),
      ...(deletesPods ? [{ name: 'account', projected: { defaultMode: SECRET_MODE, sources: ACCOUNT_SOURCES } }] : []),
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
