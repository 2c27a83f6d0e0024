/**
 * What the watchdog shares with the stack: the names and numbers that the CronJobs are wired with, and how `npm run doctor`
 * reads the ledger. Imports types only, so that the stack loads no other file of the watchdog.
 * @module
 */
import type { PausedWorkflow } from './ledger/ledger.ts';

/** Key of the ConfigMap's `data` that holds the ledger: a `LedgerState` as JSON. */
export const LEDGER_KEY = 'ledger.json';

/** The workflows that the watchdog has paused or is about to pause, and has not resumed. */
export const stillPaused = (workflows: readonly PausedWorkflow[]): PausedWorkflow[] =>
  workflows.filter(({ step }) => step !== 'resumed' && step !== 'left');

/** Every setting of the watchdog by its environment variable; `watchdog/settings.ts` is their only reader. */
export const WATCHDOG_ENV = {
  /** Base URL of the agent, without a path. */
  agentUrl: 'WATCHDOG_AGENT_URL',
  /** File that holds the bearer token for `/auth/check`, `/pause`, `/resume` and `/budgets`. */
  tokenFile: 'WATCHDOG_TOKEN_FILE',
  /** Where Claude's credential comes from; decides which commands renew it. */
  authMode: 'WATCHDOG_AUTH_MODE',
  /** How the agent is deployed; decides which commands are suggested. */
  deployment: 'WATCHDOG_DEPLOYMENT',
  /** The Pulumi stack that suggested commands name. */
  stack: 'WATCHDOG_STACK',
  /** Seconds to wait for one answer; the agent's probe itself may take 90. */
  timeoutSeconds: 'WATCHDOG_TIMEOUT_SECONDS',
  /** How many attempts to reach the agent before it counts as down. */
  attempts: 'WATCHDOG_ATTEMPTS',
  /** Seconds between two attempts. */
  pauseSeconds: 'WATCHDOG_PAUSE_SECONDS',
  /** `NAMESPACE/NAME` of the ConfigMap that holds the ledger. Without it a file does. */
  ledgerConfigMap: 'WATCHDOG_LEDGER_CONFIGMAP',
  /** The ledger's file, without a cluster. */
  ledgerFile: 'WATCHDOG_LEDGER_FILE',
  /** File that holds the URL of a Teams Workflows webhook. Without it no cards are sent. */
  teamsWebhookFile: 'WATCHDOG_TEAMS_WEBHOOK_FILE',
  /** Base URL of n8n as the watchdog calls it. Without it no workflows are paused. */
  n8nApiUrl: 'WATCHDOG_N8N_API_URL',
  /** File that holds n8n's API key. */
  n8nApiKeyFile: 'WATCHDOG_N8N_API_KEY_FILE',
  /** Workflows with this tag are paused. */
  n8nTag: 'WATCHDOG_N8N_TAG',
  /** URL of n8n for people, behind "Open n8n". */
  n8nUrl: 'WATCHDOG_N8N_URL',
  /** URL of the agent's status page for people, behind "Open status page", and behind "Refresh Tokens" where a person can log in there. */
  pageUrl: 'WATCHDOG_PAGE_URL',
  /** URL of the guide, behind "Refresh Tokens" otherwise. */
  guideUrl: 'WATCHDOG_GUIDE_URL',
  /** Hours between two cards about the same trouble. */
  reminderHours: 'WATCHDOG_REMINDER_HOURS',
  /** Reason for a maintenance without the annotation. */
  maintenanceReason: 'WATCHDOG_MAINTENANCE_REASON',
  /** Minutes that a maintenance without the annotation takes. */
  maintenanceMinutes: 'WATCHDOG_MAINTENANCE_MINUTES',
  /** Seconds that `maintenance-start` waits for the active run. */
  drainSeconds: 'WATCHDOG_DRAIN_SECONDS',
} as const;

/** How the agent is deployed: by this repository's Pulumi stack, or by its compose.yaml. */
export const DEPLOYMENTS = ['stack', 'compose'] as const;

/** One of {@link DEPLOYMENTS}. */
export type Deployment = (typeof DEPLOYMENTS)[number];

/** Where Claude's credential comes from. */
export const CREDENTIAL_KINDS = ['session', 'oauthToken', 'apiKey', 'federation'] as const;

/** One of {@link CREDENTIAL_KINDS}. */
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** Defaults of the settings. */
export const WATCHDOG_DEFAULTS = {
  agentUrl: 'http://127.0.0.1:3000',
  tokenFile: '.local/agent-token',
  authMode: 'session',
  deployment: 'stack',
  /** The stack of a command that names none. */
  stack: 'dev',
  timeoutSeconds: 100,
  attempts: 3,
  pauseSeconds: 10,
  ledgerFile: '.local/watchdog.db',
  n8nTag: 'claude-agent',
  reminderHours: 4,
  maintenanceReason: 'Planned maintenance',
  maintenanceMinutes: 60,
  drainSeconds: 600,
} as const;

/** From this share on, a budget is nearly spent; the same as the agent's. */
export const BUDGET_WARNING = 0.8;

/** Exit codes of one pass. Only 57 means "log in again". */
export const WATCHDOG_EXIT = { ok: 0, authFailed: 57, notOk: 1 } as const;

/** Commands of `node watchdog/main.ts`; without one it runs a pass. */
export const WATCHDOG_COMMANDS = ['maintenance-start', 'maintenance-end'] as const;

/** Beginning of the reason of a pause that a maintenance made and that its end takes back. */
export const MAINTENANCE_PAUSE = 'Maintenance since ';

/** Annotations of the ledger's ConfigMap that override the settings for a maintenance. */
export const MAINTENANCE_ANNOTATIONS = {
  /** The reason, 1 to 500 characters. */
  reason: 'claude-agent/maintenance-reason',
  /** When it is expected to end: an ISO 8601 time, or a duration such as 90m or 2h. */
  expectedEnd: 'claude-agent/maintenance-end',
} as const;
