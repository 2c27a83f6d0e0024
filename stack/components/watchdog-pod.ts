import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';

import { WATCHDOG_ENV } from '../../watchdog/contract.ts';
import type { StackConfig } from '../config/config.ts';
import { NAMES, PATHS, SERVICE_URL } from '../names.ts';
import { trusting } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { ACCOUNT_SOURCES, CONTAINER_SECURITY, placed, POD_BASE, proxied, SECRET_MODE } from './pod.ts';
import { TOKEN_KEYS } from './secrets/tokens.ts';
import type { Tokens } from './secrets/tokens.ts';

/** Keys of the Secret with which the watchdog calls Teams and n8n. */
export const NOTIFY_KEYS = { teamsWebhookUrl: 'teams-webhook-url', n8nApiKey: 'n8n-api-key' } as const;

/** What a watchdog pod is built from. */
export interface WatchdogPodArgs {
  /** The image by digest; the agent's own. */
  readonly image: pulumi.Output<string>;
  readonly config: StackConfig;
  readonly tokens: Tokens;
  readonly serviceAccountName: pulumi.Input<string>;
  /** Undefined: the pod trusts the public authorities alone. */
  readonly certificates: Certificates | undefined;
  /** The Secret with {@link NOTIFY_KEYS}; undefined if neither is configured. */
  readonly notifySecretName: pulumi.Output<string> | undefined;
}

const TOKEN_PATH = '/var/run/claude-watchdog';
const NOTIFY_PATH = '/var/run/claude-watchdog-notify';

/**
 * A pod that runs the watchdog once.
 * @param command `maintenance-start` or `maintenance-end`; without one it makes a pass.
 */
export function watchdogPod(args: WatchdogPodArgs, ...command: string[]): k8s.types.input.core.v1.PodSpec {
  const trusted = trusting(args.certificates);
  const mount = (name: string, mountPath: string) => ({ name, mountPath, readOnly: true });
  return {
    ...POD_BASE,
    ...placed(args.config.placement),
    serviceAccountName: args.serviceAccountName,
    restartPolicy: 'Never',
    containers: [
      {
        name: 'watchdog',
        image: args.image,
        args: ['node', '--disable-sigusr1', 'watchdog/main.ts', ...command],
        env: Object.entries(environment(args))
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => ({ name, value: String(value) })),
        resources: {
          requests: { cpu: '50m', memory: '192Mi', 'ephemeral-storage': '16Mi' },
          limits: { cpu: '1', memory: '384Mi', 'ephemeral-storage': '64Mi' },
        },
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [
          mount('token', TOKEN_PATH),
          mount('account', PATHS.account),
          ...trusted.mounts,
          ...(args.notifySecretName === undefined ? [] : [mount('notify', NOTIFY_PATH)]),
        ],
      },
    ],
    volumes: [
      { name: 'token', secret: { secretName: args.tokens.watchdogSecretName, defaultMode: SECRET_MODE } },
      { name: 'account', projected: { defaultMode: SECRET_MODE, sources: ACCOUNT_SOURCES } },
      ...trusted.volumes,
      ...(args.notifySecretName === undefined
        ? []
        : [{ name: 'notify', secret: { secretName: args.notifySecretName, defaultMode: SECRET_MODE } }]),
    ],
  };
}

function environment({ config, certificates }: WatchdogPodArgs): Record<string, string | number | undefined> {
  const { teamsWebhookUrl, n8nApiUrl, n8nUrl } = config;
  return {
    HOME: '/tmp',
    [WATCHDOG_ENV.agentUrl]: SERVICE_URL,
    [WATCHDOG_ENV.authMode]: config.authMode,
    [WATCHDOG_ENV.stack]: pulumi.getStack(),
    [WATCHDOG_ENV.tokenFile]: `${TOKEN_PATH}/${TOKEN_KEYS.watchdogToken}`,
    [WATCHDOG_ENV.ledgerConfigMap]: `${NAMES.namespace}/${NAMES.watchdog}`,
    [WATCHDOG_ENV.teamsWebhookFile]: teamsWebhookUrl && `${NOTIFY_PATH}/${NOTIFY_KEYS.teamsWebhookUrl}`,
    [WATCHDOG_ENV.n8nApiUrl]: n8nApiUrl,
    [WATCHDOG_ENV.n8nApiKeyFile]: n8nApiUrl && `${NOTIFY_PATH}/${NOTIFY_KEYS.n8nApiKey}`,
    [WATCHDOG_ENV.n8nTag]: config.n8nTag,
    [WATCHDOG_ENV.n8nUrl]: n8nUrl,
    [WATCHDOG_ENV.pageUrl]: config.pageUrl,
    [WATCHDOG_ENV.guideUrl]: config.guideUrl,
    [WATCHDOG_ENV.reminderHours]: config.reminderHours,
    [WATCHDOG_ENV.maintenanceReason]: config.maintenanceReason,
    [WATCHDOG_ENV.maintenanceMinutes]: config.maintenanceMinutes,
    ...proxied(config),
    ...trusting(certificates).environment,
    // Without it `fetch` uses no proxy.
    ...(config.httpsProxy !== undefined && { NODE_USE_ENV_PROXY: '1' }),
  };
}
