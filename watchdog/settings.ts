import { readFileSync } from 'node:fs';

import { z } from 'zod';

import { CREDENTIAL_KINDS, WATCHDOG_DEFAULTS, WATCHDOG_ENV } from './contract.ts';
import type { CredentialKind } from './contract.ts';

/** What one pass needs to know; times in milliseconds. */
export interface WatchdogSettings {
  readonly agentUrl: string;
  /** Bearer token for `POST /auth/check`. A secret: never log it. */
  readonly token: string;
  readonly authMode: CredentialKind;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly pauseMs: number;
}

/** The environment can't be used; the message names every mistake. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const number = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)
    .default(fallback);

const schema = z.object({
  [WATCHDOG_ENV.agentUrl]: z.url({
    protocol: /^https?$/,
    error: 'must be an http(s) URL, such as http://claude-agent',
  }),
  [WATCHDOG_ENV.tokenFile]: z
    .string({ error: 'must name the file that holds the token' })
    .transform((path, context) => readToken(path, (message) => context.addIssue({ code: 'custom', message }))),
  [WATCHDOG_ENV.authMode]: z.enum(CREDENTIAL_KINDS, `must be one of ${CREDENTIAL_KINDS.join(', ')}`).default('session'),
  [WATCHDOG_ENV.timeoutSeconds]: number(1, 600, WATCHDOG_DEFAULTS.timeoutSeconds),
  [WATCHDOG_ENV.attempts]: number(1, 10, WATCHDOG_DEFAULTS.attempts),
  [WATCHDOG_ENV.pauseSeconds]: number(0, 60, WATCHDOG_DEFAULTS.pauseSeconds),
});

/**
 * Reads the settings from the environment.
 * @throws SettingsError naming every variable that is missing or wrong; a token's value is never in it.
 */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): WatchdogSettings {
  const result = schema.safeParse(environment);
  if (!result.success) {
    throw new SettingsError(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
  }
  const value = result.data;
  return {
    agentUrl: value[WATCHDOG_ENV.agentUrl],
    token: value[WATCHDOG_ENV.tokenFile],
    authMode: value[WATCHDOG_ENV.authMode],
    timeoutMs: value[WATCHDOG_ENV.timeoutSeconds] * 1000,
    attempts: value[WATCHDOG_ENV.attempts],
    pauseMs: value[WATCHDOG_ENV.pauseSeconds] * 1000,
  };
}

function readToken(path: string, report: (message: string) => void): string {
  try {
    const token = readFileSync(path, 'utf8').trim();
    if (token === '') report(`the file ${path} is empty`);
    return token;
  } catch (error) {
    report(`the file can't be read (${error instanceof Error ? error.message : String(error)})`);
    return '';
  }
}
