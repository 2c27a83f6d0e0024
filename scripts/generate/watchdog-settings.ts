import { WATCHDOG_DEFAULTS, WATCHDOG_ENV } from '../../watchdog/contract.ts';

/** The meaning of each setting of the watchdog, in Markdown. */
const MEANING = {
  agentUrl: 'URL of the agent',
  tokenFile: "file with the agent's token",
  authMode: "where Claude's credential comes from: `session`, `oauthToken`, `apiKey` or `federation`",
  deployment:
    'how the agent is deployed: `stack` (Pulumi) or `compose` (docker compose); decides which commands cards and log lines suggest',
  stack: 'Pulumi stack that suggested commands name, unless it is `dev`',
  timeoutSeconds: 'timeout for one answer of the agent; its probe alone may take 90 seconds',
  attempts: 'attempts to reach the agent before it counts as down',
  pauseSeconds: 'pause between two attempts',
  ledgerConfigMap:
    '`NAMESPACE/NAME` of the ConfigMap that holds the ledger, reached through the kubeconfig or the ServiceAccount of the pod',
  ledgerFile: 'file that holds the ledger if no ConfigMap does',
  teamsWebhookFile: 'file with the URL of a Teams Workflows webhook; without it no cards are sent',
  n8nApiUrl: 'URL of n8n as the watchdog calls it; without it no workflows are paused',
  n8nApiKeyFile: "file with n8n's API key",
  n8nTag: 'tag of the workflows to pause',
  n8nUrl: 'URL of n8n for people, behind _Open n8n_; default `WATCHDOG_N8N_API_URL`',
  pageUrl:
    "URL of the agent's status page for people, behind _Open status page_, and behind _Refresh Tokens_ with auth mode `session`",
  guideUrl: 'URL of your guide, behind _Refresh Tokens_ otherwise; without both the card has no such button',
  reminderHours: 'hours between two cards about the same trouble',
  maintenanceReason: 'reason for a maintenance without `--reason` or the annotation',
  maintenanceMinutes: 'duration of a maintenance without `--expected-end` or the annotation',
  drainSeconds: 'how long `maintenance-start` waits for the active run to end',
} satisfies Record<keyof typeof WATCHDOG_ENV, string>;

const DEFAULTS: Readonly<Partial<Record<keyof typeof WATCHDOG_ENV, string | number>>> = WATCHDOG_DEFAULTS;

/** Every setting of the watchdog: its variable, its default if it has one, and its meaning. */
export function watchdogSettings(): { variable: string; fallback: unknown; meaning: string }[] {
  return (Object.keys(WATCHDOG_ENV) as (keyof typeof WATCHDOG_ENV)[]).map((key) => ({
    variable: WATCHDOG_ENV[key],
    fallback: DEFAULTS[key],
    meaning: MEANING[key],
  }));
}
