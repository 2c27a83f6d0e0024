import { readFileSync } from 'node:fs';

import { z } from 'zod';

import { CREDENTIAL_KINDS, DEPLOYMENTS, WATCHDOG_DEFAULTS, WATCHDOG_ENV } from './contract.ts';
import type { CredentialKind, Deployment } from './contract.ts';
import type { N8nOptions } from './n8n/client.ts';

/** The settings of the watchdog; times in milliseconds. */
export interface WatchdogSettings {
  readonly agentUrl: string;
  /** Bearer token of the agent. A secret: never log it. */
  readonly token: string;
  readonly authMode: CredentialKind;
  readonly deployment: Deployment;
  /** The Pulumi stack that suggested commands name. */
  readonly stack: string;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly retryPauseMs: number;
  /** Where the ledger is. */
  readonly ledger: { readonly namespace: string; readonly name: string } | { readonly file: string };
  /** URL of a Teams Workflows webhook, a secret. Undefined: no cards are sent. */
  readonly webhookUrl: string | undefined;
  /** Contains a secret. Undefined: no workflows are paused. */
  readonly n8n: N8nOptions | undefined;
  readonly n8nTag: string;
  readonly n8nUrl: string | undefined;
  readonly pageUrl: string | undefined;
  readonly guideUrl: string | undefined;
  readonly reminderMs: number;
  readonly maintenanceReason: string;
  readonly maintenanceMs: number;
  readonly drainMs: number;
}

/** The environment is invalid; the message names every problem. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** Set by npm when `--dry-run` stands before `--`: npm takes it for its own. */
export const dryRunKeptByNpm = (environment: NodeJS.ProcessEnv = process.env): string | undefined =>
  environment['npm_config_dry_run'];

const number = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)
    .default(fallback);

const url = (example: string) => z.url({ protocol: /^https?$/, error: `must be an http(s) URL, such as ${example}` });

type Context = { addIssue(issue: { code: 'custom'; message: string }): void };

const file = (what: string) =>
  z
    .string({ error: `must name the file that holds ${what}` })
    .min(1, `must name the file that holds ${what}`)
    .transform((path, context) => readSecret(path, context));

/** A value for a header, checked here because the error of `fetch` would show it. */
const header = (what: string) => file(what).transform(forHeader);

const CONFIGMAP = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/;
const TAG = /^[^,]{1,64}$/;

const D = WATCHDOG_DEFAULTS;

const schema = z.object({
  [WATCHDOG_ENV.agentUrl]: url('http://claude-agent').default(D.agentUrl),
  [WATCHDOG_ENV.tokenFile]: header('the token').prefault(D.tokenFile),
  [WATCHDOG_ENV.authMode]: z
    .enum(CREDENTIAL_KINDS, `must be one of ${CREDENTIAL_KINDS.join(', ')}`)
    .default(D.authMode),
  [WATCHDOG_ENV.deployment]: z.enum(DEPLOYMENTS, `must be one of ${DEPLOYMENTS.join(', ')}`).default(D.deployment),
  [WATCHDOG_ENV.stack]: z
    .string()
    .regex(/^[\w./-]+$/, "must be the name of a stack: letters, digits, '_', '-', '.' and '/'")
    .default(D.stack),
  [WATCHDOG_ENV.timeoutSeconds]: number(1, 600, D.timeoutSeconds),
  [WATCHDOG_ENV.attempts]: number(1, 10, D.attempts),
  [WATCHDOG_ENV.pauseSeconds]: number(0, 60, D.pauseSeconds),
  [WATCHDOG_ENV.ledgerConfigMap]: z.string().regex(CONFIGMAP, 'must be NAMESPACE/NAME').optional(),
  [WATCHDOG_ENV.ledgerFile]: z.string().min(1, 'must be the path of a file').default(D.ledgerFile),
  [WATCHDOG_ENV.teamsWebhookFile]: file("the webhook's URL").transform(webhook).optional(),
  [WATCHDOG_ENV.n8nApiUrl]: url('http://n8n.n8n.svc:5678').optional(),
  [WATCHDOG_ENV.n8nApiKeyFile]: header("n8n's API key").optional(),
  [WATCHDOG_ENV.n8nTag]: z.string().regex(TAG, 'must be one tag, without a comma').default(D.n8nTag),
  [WATCHDOG_ENV.n8nUrl]: url('https://n8n.example.com').optional(),
  [WATCHDOG_ENV.pageUrl]: url('https://claude-agent.example.com').optional(),
  [WATCHDOG_ENV.guideUrl]: url('https://wiki.example.com/claude-agent').optional(),
  [WATCHDOG_ENV.reminderHours]: number(1, 168, D.reminderHours),
  [WATCHDOG_ENV.maintenanceReason]: z.string().min(1, 'must not be empty').max(500).default(D.maintenanceReason),
  [WATCHDOG_ENV.maintenanceMinutes]: number(1, 10_080, D.maintenanceMinutes),
  [WATCHDOG_ENV.drainSeconds]: number(0, 3600, D.drainSeconds),
});

/**
 * Reads the settings from the environment. An empty variable counts as not set.
 * @throws SettingsError naming every variable that is missing or invalid, never a secret's value.
 */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): WatchdogSettings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = schema.safeParse(given);
  const problems = result.success
    ? []
    : result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  const [hasUrl, hasKey] = [WATCHDOG_ENV.n8nApiUrl, WATCHDOG_ENV.n8nApiKeyFile].map((name) => name in given);
  if (hasUrl !== hasKey) {
    problems.push(`${WATCHDOG_ENV.n8nApiUrl} and ${WATCHDOG_ENV.n8nApiKeyFile}: set both or neither`);
  }
  if (!result.success || problems.length > 0) throw new SettingsError(problems.join('; '));
  const value = result.data;
  const apiUrl = value[WATCHDOG_ENV.n8nApiUrl];
  const apiKey = value[WATCHDOG_ENV.n8nApiKeyFile];
  return {
    agentUrl: value[WATCHDOG_ENV.agentUrl],
    token: value[WATCHDOG_ENV.tokenFile],
    authMode: value[WATCHDOG_ENV.authMode],
    deployment: value[WATCHDOG_ENV.deployment],
    stack: value[WATCHDOG_ENV.stack],
    timeoutMs: value[WATCHDOG_ENV.timeoutSeconds] * 1000,
    attempts: value[WATCHDOG_ENV.attempts],
    retryPauseMs: value[WATCHDOG_ENV.pauseSeconds] * 1000,
    ledger: placeOf(value[WATCHDOG_ENV.ledgerConfigMap], value[WATCHDOG_ENV.ledgerFile]),
    webhookUrl: value[WATCHDOG_ENV.teamsWebhookFile],
    n8n: apiUrl === undefined || apiKey === undefined ? undefined : { apiUrl, apiKey },
    n8nTag: value[WATCHDOG_ENV.n8nTag],
    n8nUrl: value[WATCHDOG_ENV.n8nUrl],
    pageUrl: value[WATCHDOG_ENV.pageUrl],
    guideUrl: value[WATCHDOG_ENV.guideUrl],
    reminderMs: value[WATCHDOG_ENV.reminderHours] * 3_600_000,
    maintenanceReason: value[WATCHDOG_ENV.maintenanceReason],
    maintenanceMs: value[WATCHDOG_ENV.maintenanceMinutes] * 60_000,
    drainMs: value[WATCHDOG_ENV.drainSeconds] * 1000,
  };
}

function placeOf(configMap: string | undefined, path: string): WatchdogSettings['ledger'] {
  const [, namespace, name] = CONFIGMAP.exec(configMap ?? '') ?? [];
  return namespace === undefined || name === undefined ? { file: path } : { namespace, name };
}

function webhook(value: string, context: Context): string {
  if (!/^https?:\/\/\S+$/.test(value) || !URL.canParse(value)) {
    context.addIssue({ code: 'custom', message: 'the file must contain the https URL of a Teams Workflows webhook' });
  }
  return value;
}

function forHeader(value: string, context: Context): string {
  if (/[^\x21-\x7e]/.test(value)) {
    context.addIssue({ code: 'custom', message: 'the file must contain one word of visible ASCII characters' });
  }
  return value;
}

function readSecret(path: string, context: Context): string {
  const report = (message: string) => context.addIssue({ code: 'custom', message });
  try {
    const secret = readFileSync(path, 'utf8').trim();
    if (secret === '') report(`the file ${path} is empty`);
    return secret;
  } catch (error) {
    report(`the file can't be read (${error instanceof Error ? error.message : String(error)})`);
    return '';
  }
}
