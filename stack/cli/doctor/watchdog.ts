import { LEDGER_KEY, stillPaused, WATCHDOG_ENV } from '../../../watchdog/contract.ts';
import type { LedgerState } from '../../../watchdog/ledger/ledger.ts';
import { lastDue } from '../../config/cron.ts';
import { NAMES } from '../../names.ts';
import { npmRun, npmRunAll } from '../../next-command.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { broken, ok, skipped } from './finding.ts';
import type { Check, Finding } from './finding.ts';

/** The watchdog's last pass, its ledger, and whether it can reach Teams and n8n. */
export function watchdog(kubectl: Kubectl): Check[] {
  let read: ReturnType<typeof readCronJob> | undefined;
  const cronJob = () => (read ??= readCronJob(kubectl));
  return [
    { name: 'watchdog', needs: ['namespace'], look: async () => lastPass(kubectl, await cronJob()) },
    { name: 'ledger', needs: ['namespace'], look: () => ledger(kubectl) },
    { name: 'teams', needs: ['pod'], look: () => teams(kubectl) },
    { name: 'n8n', needs: ['pod'], look: async () => n8n(kubectl, await cronJob()) },
  ];
}

const IN = `-n ${NAMES.namespace}`;
const CHECK = `kubectl create job --from=cronjob/${NAMES.watchdog} check-now ${IN}`;

interface CronJob {
  readonly metadata: { readonly creationTimestamp: string };
  readonly spec: {
    readonly suspend?: boolean;
    readonly schedule: string;
    readonly timeZone?: string;
    readonly startingDeadlineSeconds?: number;
    readonly jobTemplate: {
      readonly spec: {
        readonly activeDeadlineSeconds?: number;
        readonly template: {
          readonly spec: {
            readonly containers: readonly {
              readonly env: readonly { readonly name: string; readonly value?: string }[];
            }[];
          };
        };
      };
    };
  };
  readonly status?: { readonly lastSuccessfulTime?: string };
}

interface Pod {
  readonly metadata: {
    readonly creationTimestamp: string;
    readonly ownerReferences?: readonly { readonly name: string }[];
  };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly state: { readonly terminated?: { readonly exitCode: number; readonly finishedAt: string } };
    }[];
  };
}

async function lastPass(kubectl: Kubectl, cronJob: CronJobRead): Promise<Finding> {
  if ('failure' in cronJob) return broken(cronJob.failure, npmRun('up'));
  if (cronJob.spec.suspend) return broken('its CronJob is suspended', npmRun('up'));
  const pods = await kubectl(['get', 'pods', '--selector', 'app.kubernetes.io/component=watchdog', '--output', 'json']);
  if ('failure' in pods) return broken(pods.failure, CHECK);
  const passes = (JSON.parse(pods.output) as { items: Pod[] }).items
    .flatMap(({ metadata, status }) => {
      const end = status.containerStatuses?.[0]?.state.terminated;
      const job = metadata.ownerReferences?.[0]?.name ?? '';
      return end && !job.startsWith('claude-maintenance') ? [{ job, ...end }] : [];
    })
    .sort((a, b) => b.finishedAt.localeCompare(a.finishedAt));
  const [last] = passes;
  const good = cronJob.status?.lastSuccessfulTime;
  // Jobs are removed after a day; the CronJob keeps the time of the last one that succeeded.
  if (good !== undefined && good > (last?.finishedAt ?? ''))
    return inTime(cronJob, good) ?? ok(`at ${good}, exit code 0`);
  const missed = inTime(cronJob, last?.finishedAt);
  if (missed) return missed;
  if (!last) return ok(`none yet; the schedule is ${cronJob.spec.schedule}`);
  const when = `at ${last.finishedAt}, exit code ${last.exitCode}`;
  if (last.exitCode === 0) return ok(when);
  return broken(
    `${last.exitCode === 57 ? 'a new login is needed; ' : ''}${when}`,
    `kubectl ${IN} logs job/${last.job}`,
  );
}

/** The finding if a pass is overdue. @param last When the last pass ended. */
function inTime({ metadata, spec }: CronJob, last: string | undefined): Finding | undefined {
  const { schedule, timeZone = 'Etc/UTC', startingDeadlineSeconds = 0, jobTemplate } = spec;
  const longest = (startingDeadlineSeconds + (jobTemplate.spec.activeDeadlineSeconds ?? 0)) * 1000;
  // The latest pass that must have ended by now, even if it started late and took as long as it may.
  const due = lastDue(schedule, timeZone, new Date(Date.now() - longest));
  const since = last ?? metadata.creationTimestamp;
  if (due === undefined || due <= new Date(since)) return undefined;
  return broken(
    `no pass since ${since}, although one was due at ${due.toISOString()} (${schedule})`,
    `kubectl ${IN} describe cronjob/${NAMES.watchdog}`,
  );
}

type CronJobRead = CronJob | { readonly failure: string };

async function readCronJob(kubectl: Kubectl): Promise<CronJobRead> {
  const answer = await kubectl(['get', `cronjob/${NAMES.watchdog}`, '--output', 'json']);
  return 'failure' in answer ? answer : (JSON.parse(answer.output) as CronJob);
}

async function ledger(kubectl: Kubectl): Promise<Finding> {
  const answer = await kubectl(['get', `configmap/${NAMES.watchdog}`, '--output', 'json']);
  if ('failure' in answer) return broken(answer.failure, npmRun('up'));
  const { data } = JSON.parse(answer.output) as { data?: Record<string, string> };
  const text = data?.[LEDGER_KEY];
  if (text === undefined) return ok('no trouble recorded yet');
  const { trouble, maintenance, card, workflows } = JSON.parse(text) as LedgerState;
  const paused = stillPaused(workflows).length;
  const also = [
    ...(paused > 0 ? [`${paused} workflow(s) paused`] : []),
    ...(card ? [`the card "${card.kind}" has not been sent yet`] : []),
  ];
  const END = `kubectl create job --from=cronjob/${NAMES.maintenanceEnd} maintenance-end ${IN}`;
  if (maintenance)
    return broken([`maintenance since ${maintenance.since}: ${maintenance.reason}`, ...also].join('; '), END);
  if (trouble) return broken([`${trouble.state} since ${trouble.since}`, ...also].join('; '), CHECK);
  return also.length > 0 ? broken(also.join('; '), CHECK) : ok('no trouble');
}

async function teams(kubectl: Kubectl): Promise<Finding> {
  const secret = await kubectl([
    ...['get', `secret/${NAMES.watchdogNotifySecret}`, '--ignore-not-found'],
    ...['--output', "jsonpath={.data['teams-webhook-url']}"],
  ]);
  if ('failure' in secret) return skipped(`can't read the webhook: ${secret.failure}`);
  if (secret.output === '') return skipped('no teamsWebhookUrl in the config: no cards are sent');
  const { origin, host } = new URL(Buffer.from(secret.output, 'base64').toString());
  // Only the host: the rest of the URL authorises posts.
  return reached(kubectl, origin, host, npmRunAll(['pulumi', 'config set --secret teamsWebhookUrl'], 'up'));
}

async function n8n(kubectl: Kubectl, cronJob: CronJobRead): Promise<Finding> {
  if ('failure' in cronJob) return broken(cronJob.failure, npmRun('up'));
  const { env } = cronJob.spec.jobTemplate.spec.template.spec.containers[0] ?? { env: [] };
  const url = env.find(({ name }) => name === WATCHDOG_ENV.n8nApiUrl)?.value;
  if (url === undefined) return skipped('no n8nApiUrl in the config: no workflows are paused');
  return reached(
    kubectl,
    new URL('/healthz', url).href,
    url,
    'check that n8n runs, and check config n8nApiUrl, n8nNamespace and n8nPort',
  );
}

/** Whether a URL answers at all. Requested from the agent's pod, which has none of their secrets. */
async function reached(kubectl: Kubectl, url: string, name: string, next: string): Promise<Finding> {
  const curl = ['curl', '-s', '-S', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '10', url];
  const answer = await kubectl(['exec', `deploy/${NAMES.deployment}`, '--', ...curl]);
  return 'output' in answer
    ? ok(`${name} answers (HTTP ${answer.output})`)
    : broken(`${name}: ${answer.failure}`, next);
}
