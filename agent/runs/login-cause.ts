import type { LoginCause } from '../contract.ts';
import type { ApiError } from '../claude/transcript.ts';
import type { KnownState } from '../login/status.ts';
import type { RunResult } from '../store/run.ts';

/** The cause of a failed login check; undefined if the check found nothing wrong. */
export function causeOf(
  state: KnownState,
  { outcome }: Pick<RunResult, 'outcome'>,
  error: ApiError | undefined,
): LoginCause | undefined {
  switch (state) {
    case 'ok':
      return undefined;
    case 'auth_failed':
      if (error?.kind === 'billing_error') return 'billing';
      return error?.kind === 'oauth_org_not_allowed' ? 'organization' : 'refused';
    case 'usage_limited':
      return 'usage_limit';
    case 'outage':
      return outcome === 'auth_failed' ? 'not_renewed' : causeOfOutage(error);
  }
}

function causeOfOutage(error: ApiError | undefined): LoginCause {
  if (!error) return 'claude_failed';
  const { kind, status } = error;
  if (kind === 'rate_limit' || status === 429) return 'rate_limit';
  if (status !== undefined) return status >= 500 ? 'anthropic_error' : 'claude_failed';
  return kind === 'overloaded' ? 'anthropic_error' : 'unreachable';
}
