import { WATCHDOG_DEFAULTS, WATCHDOG_EXIT } from './contract.ts';
import type { CredentialKind } from './contract.ts';
import type { LoginStatus, CheckResult } from './check.ts';
import { asSentence, npmRun } from './teams/words.ts';

/** One pass in a sentence for whoever is woken by it, its log level, and the exit code of the Job. */
export interface Report {
  readonly exitCode: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly sentence: string;
}

/** Puts a verdict into words. Only `auth_failed` asks for a new login. */
export function reportOf(
  verdict: CheckResult,
  authMode: CredentialKind,
  stack: string = WATCHDOG_DEFAULTS.stack,
): Report {
  const { notOk } = WATCHDOG_EXIT;
  switch (verdict.state) {
    case 'ok':
      return {
        exitCode: WATCHDOG_EXIT.ok,
        level: 'info',
        sentence: `Claude's login works (${evidenceOf(verdict.evidence)}).${pauseOf(verdict)}`,
      };
    case 'auth_failed':
      return {
        exitCode: WATCHDOG_EXIT.authFailed,
        level: 'error',
        sentence: `Claude's login no longer works: ${asSentence(verdict.detail)} ${remedyOf(authMode, stack)}`,
      };
    case 'usage_limited':
      return {
        exitCode: notOk,
        level: 'warn',
        sentence: `Claude's login works, but its usage limit is reached${verdict.resetsAt === undefined ? '' : ` until ${verdict.resetsAt}`}. Wait; a new login would not help.`,
      };
    case 'outage':
      return {
        exitCode: notOk,
        level: 'warn',
        sentence: `Claude is not answering: ${asSentence(verdict.detail)} Wait; a new login would not help.`,
      };
    case 'busy':
      return {
        exitCode: notOk,
        level: 'warn',
        sentence: `The agent is busy and could not test the login: ${asSentence(verdict.detail)} The next pass asks again.`,
      };
    case 'agent_down':
      return {
        exitCode: notOk,
        level: 'error',
        sentence: `The agent did not say whether the login works: ${asSentence(verdict.reason)} See: kubectl describe deployment/claude-code-agent -n claude-agent`,
      };
  }
}

function evidenceOf(evidence: 'recent-run' | 'probe' | 'none'): string {
  switch (evidence) {
    case 'recent-run':
      return 'a run succeeded within the last minutes';
    case 'probe':
      return 'a test prompt was answered';
    case 'none':
      return 'no evidence given';
  }
}

function pauseOf({ paused }: LoginStatus): string {
  if (!paused) return '';
  return ` The agent is paused since ${paused.since} (${paused.reason ?? 'no reason given'}).`;
}

function remedyOf(authMode: CredentialKind, stack: string): string {
  const up = npmRun(stack, 'up');
  switch (authMode) {
    case 'oauthToken':
      return `Make a new token with \`claude setup-token\`, set it as the secret claudeToken, and run \`${up}\`.`;
    case 'apiKey':
      return `Check the key and its credit in the Anthropic Console, set it as the secret claudeToken, and run \`${up}\`.`;
    case 'federation':
      return 'Compare the rule in the Claude Console with the pod\'s identity token: docs/configuration.md, "Federation".';
    case 'session':
      return `Log in again: \`${npmRun(stack, 'login')} && ${up}\`.`;
  }
}
