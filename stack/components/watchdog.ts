import { CronJob } from '@pulumi/kubernetes/batch/v1/cronJob.js';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';

import type { StackConfig } from '../config/config.ts';
import type { Certificates } from './certificates.ts';
import { permit } from './permissions.ts';
import { HIDDEN_METADATA, nameOf } from './secrets/kept-secret.ts';
import { labels, NAMES } from '../names.ts';
import { encoded } from '../session/secret-keys.ts';
import type { Tokens } from './secrets/tokens.ts';
import { NOTIFY_KEYS, watchdogPod } from './watchdog-pod.ts';

/** Arguments of {@link Watchdog}. */
export interface WatchdogArgs {
  readonly namespace: pulumi.Input<string>;
  /** The image by digest; the agent's own. */
  readonly image: pulumi.Output<string>;
  readonly config: StackConfig;
  readonly tokens: Tokens;
  /** Undefined: its pods trust the public authorities alone. */
  readonly certificates: Certificates | undefined;
}

/** A suspended CronJob needs a schedule, too. */
const NEVER = '0 0 1 1 *';

/**
 * The CronJob that asks the agent whether its login works and acts on the answer, two suspended ones for maintenance, and the
 * only ConfigMap that they may write.
 */
export class Watchdog extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: WatchdogArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:Watchdog', name, {}, opts);
    const { namespace, image, config, tokens, certificates } = args;
    const parent = { parent: this };
    const metadata = { name: NAMES.watchdog, namespace, labels: labels('watchdog') };
    const account = new ServiceAccount(`${name}-account`, { metadata, automountServiceAccountToken: false }, parent);
    this.#ledger(name, metadata, account.metadata.name);
    const pod = {
      image,
      config,
      tokens,
      certificates,
      serviceAccountName: account.metadata.name,
      notifySecretName: this.#notifySecret(name, namespace, config),
    };
    const cronJob = (suffix: string, jobName: string, spec: CronJobSpec, seconds: number, ...command: string[]) =>
      new CronJob(
        `${name}-${suffix}`,
        {
          metadata: { ...metadata, name: jobName },
          spec: {
            concurrencyPolicy: 'Forbid',
            // A pass that is later than this is skipped, because the next one is due soon. Without a deadline, a resumed
            // CronJob would start everything that it missed.
            startingDeadlineSeconds: 600,
            successfulJobsHistoryLimit: 3,
            failedJobsHistoryLimit: 3,
            ...spec,
            jobTemplate: {
              metadata: { labels: labels('watchdog') },
              spec: {
                backoffLimit: 0,
                activeDeadlineSeconds: seconds,
                // The history limits don't count Jobs created by hand from this CronJob; these are removed after a day.
                ttlSecondsAfterFinished: 86_400,
                template: { metadata: { labels: labels('watchdog') }, spec: watchdogPod(pod, ...command) },
              },
            },
          },
        },
        parent,
      );
    cronJob('cronjob', NAMES.watchdog, { schedule: config.watchdogSchedule }, 900);
    const byHand = { schedule: NEVER, suspend: true };
    cronJob('maintenance-start', NAMES.maintenanceStart, byHand, 1500, 'maintenance-start');
    cronJob('maintenance-end', NAMES.maintenanceEnd, byHand, 900, 'maintenance-end');
    this.registerOutputs();
  }

  /** Declared without data, so that what the watchdog writes into it is not drift. */
  #ledger(name: string, metadata: Metadata, account: pulumi.Input<string>): void {
    const parent = { parent: this };
    new ConfigMap(`${name}-ledger`, { metadata }, parent);
    const rules = [
      { apiGroups: [''], resources: ['configmaps'], resourceNames: [NAMES.watchdog], verbs: ['get', 'update'] },
    ];
    permit(name, { metadata, account, rules }, parent);
  }

  #notifySecret(
    name: string,
    namespace: pulumi.Input<string>,
    { teamsWebhookUrl, n8nApiKey }: StackConfig,
  ): pulumi.Output<string> | undefined {
    const data = {
      ...(teamsWebhookUrl && { [NOTIFY_KEYS.teamsWebhookUrl]: teamsWebhookUrl.apply(encoded) }),
      ...(n8nApiKey && { [NOTIFY_KEYS.n8nApiKey]: n8nApiKey.apply(encoded) }),
    };
    if (Object.keys(data).length === 0) return undefined;
    const secret = new Secret(
      `${name}-notify`,
      {
        metadata: { name: NAMES.watchdogNotifySecret, namespace, labels: labels('watchdog') },
        type: 'Opaque',
        data: pulumi.secret(data),
      },
      { parent: this, ...HIDDEN_METADATA },
    );
    return nameOf(secret);
  }
}

type CronJobSpec = Pick<k8s.types.input.batch.v1.CronJobSpec, 'schedule' | 'suspend'>;
type Metadata = { name: string; namespace: pulumi.Input<string>; labels: Record<string, string> };
