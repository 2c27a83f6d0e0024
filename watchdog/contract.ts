/**
 * What the watchdog shares with the stack, which imports no other file of it: the names and numbers that the CronJobs are
 * wired with, and the ledger that `npm run doctor` reads. Imports types only, so that the stack loads nothing else.
 * @module
 */
import type { LedgerState, PausedWorkflow } from './ledger/ledger.ts';

export type { LedgerState };

/** Key of the ConfigMap's `data` that holds the ledger: a {@link LedgerState} as JSON. */
export const LEDGER_KEY = 'ledger.json';

/** The workflows that the watchdog has paused or is about to pause, and has not resumed. */
export const stillPaused = (workflows: readonly PausedWorkflow[]): PausedWorkflow[] =>
  workflows.filter(({ step }) => step !== 'resumed' && step !== 'left');

/** Every setting of the watchdog by its environment variable; `watchdog/settings.ts` is their only reader. */
export const WATCHDOG_ENV = {
  /** Base URL of the agent, without a path. */
  agentUrl: 'WATCHDOG_AGENT_URL',
  /** File that holds the bearer token for `/auth/check`, `/pause` and `/resume`. */
  tokenFile: 'WATCHDOG_TOKEN_FILE',
  /** Where Claude's credential comes from, for saying how to renew it. */
  authMode: 'WATCHDOG_AUTH_MODE',
  /** The stack of Pulumi, for the commands that it suggests. */
  stack: 'WATCHDOG_STACK',
  /** Seconds to wait for one answer; the agent's probe itself may take 90. */
  timeoutSeconds: 'WATCHDOG_TIMEOUT_SECONDS',
  /** How often to ask before an agent that can't be reached counts as down. */
  attempts: 'WATCHDOG_ATTEMPTS',
  /** Seconds between two attempts. */
  pauseSeconds: 'WATCHDOG_PAUSE_SECONDS',
  /** `NAMESPACE/NAME` of the ConfigMap that is the ledger. Without it the ledger is the file. */
  ledgerConfigMap: 'WATCHDOG_LEDGER_CONFIGMAP',
  /** The ledger's file, where there is no cluster. */
  ledgerFile: 'WATCHDOG_LEDGER_FILE',
  /** File that holds the URL of a Teams Workflows webhook. Without it no cards are sent. */
  teamsWebhookFile: 'WATCHDOG_TEAMS_WEBHOOK_FILE',
  /** Base URL of n8n for the watchdog. Without it no workflows are paused. */
  n8nApiUrl: 'WATCHDOG_N8N_API_URL',
  /** File that holds n8n's API key. */
  n8nApiKeyFile: 'WATCHDOG_N8N_API_KEY_FILE',
  /** Workflows with this tag are paused. */
  n8nTag: 'WATCHDOG_N8N_TAG',
  /** Address of n8n for people, behind "Open n8n". */
  n8nUrl: 'WATCHDOG_N8N_URL',
  /** Address of the guide, behind "Refresh Tokens". */
  guideUrl: 'WATCHDOG_GUIDE_URL',
  /** Hours between two cards that say the same. */
  reminderHours: 'WATCHDOG_REMINDER_HOURS',
  /** Why there is maintenance, where the annotation does not say. */
  maintenanceReason: 'WATCHDOG_MAINTENANCE_REASON',
  /** How many minutes it takes, where the annotation does not say. */
  maintenanceMinutes: 'WATCHDOG_MAINTENANCE_MINUTES',
  /** Seconds that `maintenance-start` waits for the run that is going on. */
  drainSeconds: 'WATCHDOG_DRAIN_SECONDS',
} as const;

/** Where Claude's credential comes from. */
export const CREDENTIAL_KINDS = ['session', 'oauthToken', 'apiKey', 'federation'] as const;

/** One of {@link CREDENTIAL_KINDS}. */
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** What the watchdog assumes where a setting is not given. */
export const WATCHDOG_DEFAULTS = {
  agentUrl: 'http://127.0.0.1:3000',
  tokenFile: '.local/agent-token',
  authMode: 'session',
  /** What a command takes that names no stack. */
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

/** Exit codes of one pass: 57 means "log in again" and nothing else does. */
export const WATCHDOG_EXIT = { ok: 0, authFailed: 57, notOk: 1 } as const;

/** What `node watchdog/main.ts` takes as its first argument; without one it makes a pass. */
export const WATCHDOG_COMMANDS = ['maintenance-start', 'maintenance-end'] as const;

/** How the reason begins of a pause that a maintenance made, and that its end takes back. */
export const MAINTENANCE_PAUSE = 'Maintenance since ';

/** Annotations of the ledger's ConfigMap that say more of a maintenance than the settings. */
export const MAINTENANCE_ANNOTATIONS = {
  /** Why, 1 to 500 characters. */
  reason: 'claude-agent/maintenance-reason',
  /** When it is expected to end: an ISO 8601 time, or how long it takes, such as 90m or 2h. */
  expectedEnd: 'claude-agent/maintenance-end',
} as const;
