import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';

import { WATCHDOG_ENV } from '../watchdog/contract.ts';
import type { CredentialKind } from '../watchdog/contract.ts';
import { labels, NAMES, SERVICE_URL, TAKE_BACK } from './names.ts';
import { CONTAINER_SECURITY, POD_BASE, SECRET_MODE } from './pod.ts';
import { TOKEN_KEYS } from './tokens.ts';
import type { Tokens } from './tokens.ts';

/** Arguments of {@link Watchdog}. */
export interface WatchdogArgs {
  readonly namespace: pulumi.Input<string>;
  /** The image by digest; the agent's own. */
  readonly image: pulumi.Output<string>;
  readonly authMode: CredentialKind;
  /** Cron expression in UTC. */
  readonly schedule: string;
  readonly tokens: Tokens;
}

const TOKEN_PATH = '/var/run/claude-watchdog';

/** The CronJob that asks the agent whether its login works; a Job fails when it doesn't. */
export class Watchdog extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: WatchdogArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:Watchdog', name, {}, opts);
    const metadata = { name: NAMES.watchdog, namespace: args.namespace, labels: labels('watchdog') };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      { parent: this },
    );
    new k8s.batch.v1.CronJob(
      `${name}-cronjob`,
      {
        metadata: { ...metadata, annotations: { ...TAKE_BACK } },
        spec: {
          schedule: args.schedule,
          concurrencyPolicy: 'Forbid',
          // A pass missed by more is left out: the next one comes soon.
          startingDeadlineSeconds: 600,
          successfulJobsHistoryLimit: 3,
          failedJobsHistoryLimit: 3,
          jobTemplate: {
            metadata: { labels: labels('watchdog') },
            spec: {
              backoffLimit: 0,
              activeDeadlineSeconds: 300,
              // The history limits don't count Jobs made by hand from this CronJob; these go after a day.
              ttlSecondsAfterFinished: 86_400,
              template: { metadata: { labels: labels('watchdog') }, spec: pod(args, account.metadata.name) },
            },
          },
        },
      },
      { parent: this },
    );
    this.registerOutputs();
  }
}

function pod(
  { image, authMode, tokens }: WatchdogArgs,
  serviceAccountName: pulumi.Input<string>,
): k8s.types.input.core.v1.PodSpec {
  return {
    ...POD_BASE,
    serviceAccountName,
    restartPolicy: 'Never',
    containers: [
      {
        name: 'watchdog',
        image,
        args: ['node', 'watchdog/main.ts'],
        env: [
          { name: 'HOME', value: '/tmp' },
          { name: WATCHDOG_ENV.agentUrl, value: SERVICE_URL },
          { name: WATCHDOG_ENV.authMode, value: authMode },
          { name: WATCHDOG_ENV.tokenFile, value: `${TOKEN_PATH}/${TOKEN_KEYS.watchdogToken}` },
        ],
        resources: {
          requests: { cpu: '50m', memory: '96Mi', 'ephemeral-storage': '16Mi' },
          limits: { cpu: '500m', memory: '256Mi', 'ephemeral-storage': '64Mi' },
        },
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [{ name: 'token', mountPath: TOKEN_PATH, readOnly: true }],
      },
    ],
    volumes: [{ name: 'token', secret: { secretName: tokens.watchdogSecretName, defaultMode: SECRET_MODE } }],
  };
}
