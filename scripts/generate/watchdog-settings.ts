import { WATCHDOG_DEFAULTS, WATCHDOG_ENV } from '../../watchdog/contract.ts';

/** What each setting of the watchdog is for. */
const MEANING = {
  agentUrl: 'the agent',
  tokenFile: "holds the agent's token",
  authMode: "where Claude's credential comes from: `session`, `oauthToken`, `apiKey` or `federation`",
  stack: 'the stack of Pulumi, which the suggested commands name where it is another than `dev`',
  timeoutSeconds: 'for one answer of the agent; its probe itself may take 90',
  attempts: 'how often an agent that cannot be reached is asked before it counts as down',
  pauseSeconds: 'between two attempts',
  ledgerConfigMap: '`NAMESPACE/NAME` of a ConfigMap that is the ledger, by the kubeconfig or the account of the pod',
  ledgerFile: 'the ledger, where it is no ConfigMap',
  teamsWebhookFile: 'holds the URL of a Teams Workflows webhook; without it no cards are sent',
  n8nApiUrl: 'n8n for the watchdog; without it no workflows are paused',
  n8nApiKeyFile: "holds n8n's API key",
  n8nTag: 'workflows with this tag are paused',
  n8nUrl: 'n8n for people, behind _Open n8n_; without it `WATCHDOG_N8N_API_URL`',
  guideUrl: 'your guide, behind _Refresh Tokens_; without it the button is left out',
  reminderHours: 'between two cards that say the same',
  maintenanceReason: 'why there is maintenance, where neither `--reason` nor the annotation says',
  maintenanceMinutes: 'how long it takes, where neither `--expected-end` nor the annotation says',
  drainSeconds: 'how long `maintenance-start` waits for the run that is going on',
} satisfies Record<keyof typeof WATCHDOG_ENV, string>;

const DEFAULTS: Readonly<Partial<Record<keyof typeof WATCHDOG_ENV, string | number>>> = WATCHDOG_DEFAULTS;

/** Every setting of the watchdog by its variable, with its default where it has one. */
export function watchdogSettings(): { variable: string; fallback: unknown; meaning: string }[] {
  return (Object.keys(WATCHDOG_ENV) as (keyof typeof WATCHDOG_ENV)[]).map((key) => ({
    variable: WATCHDOG_ENV[key],
    fallback: DEFAULTS[key],
    meaning: MEANING[key],
  }));
}
