import { WATCHDOG_EXIT } from './contract.ts';
import type { CredentialKind } from './contract.ts';
import type { CheckResult, LoginStatus } from './check.ts';
import type { Commands } from './teams/commands.ts';
import { asSentence } from './teams/words.ts';

/** A check result as a log line: a sentence for the operator, its level, and the exit code of the Job. */
export interface Report {
  readonly exitCode: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly sentence: string;
}

/** Describes a check result. Only `auth_failed` asks for a new login. */
export function reportOf(result: CheckResult, authMode: CredentialKind, { remedy, look }: Commands): Report {
  const { notOk } = WATCHDOG_EXIT;
  switch (result.state) {
    case 'ok':
      return {
        exitCode: WATCHDOG_EXIT.ok,
        level: 'info',
        sentence: `Claude's login works (${evidenceOf(result.evidence)}).${pauseOf(result)}`,
      };
    case 'auth_failed':
      return {
        exitCode: WATCHDOG_EXIT.authFailed,
        level: 'error',
        sentence: `Claude's login no longer works: ${asSentence(result.detail)} ${remedy[authMode]}`,
      };
    case 'usage_limited':
      return {
        exitCode: notOk,
        level: 'warn',
        sentence: `Claude's login works, but its usage limit is reached${result.resetsAt === undefined ? '' : ` until ${result.resetsAt}`}. Wait; a new login does not help.`,
      };
    case 'outage':
      return {
        exitCode: notOk,
        level: 'warn',
        sentence: `Claude is not answering: ${asSentence(result.detail)} Wait; a new login does not help.`,
      };
    case 'busy':
      return {
        exitCode: notOk,
        level: 'warn',
        sentence: `The agent is busy and could not test the login: ${asSentence(result.detail)} The next pass tries again.`,
      };
    case 'agent_down':
      return {
        exitCode: notOk,
        level: 'error',
        sentence: `The login could not be checked: ${asSentence(result.reason)} See: ${look[0]}`,
      };
  }
}

function evidenceOf(evidence: 'recent-run' | 'probe' | 'none'): string {
  switch (evidence) {
    case 'recent-run':
      return 'a run succeeded in the last few minutes';
    case 'probe':
      return 'a test prompt was answered';
    case 'none':
      return 'no evidence given';
  }
}

function pauseOf({ paused }: LoginStatus): string {
  if (!paused) return '';
  return ` The agent has been paused since ${paused.since} (${paused.reason ?? 'no reason given'}).`;
}
