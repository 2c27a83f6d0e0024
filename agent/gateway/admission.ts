import type { AuthMode } from '../contract.ts';
import type { Admission } from '../login/configurations.ts';
import { runVariables } from './credential.ts';
import type { RunTokens } from './run-tokens.ts';

/** Lets a process call the gateway, with a token of its own. */
export function admit(tokens: RunTokens, mode: AuthMode, sessionId: string): Admission {
  const token = tokens.issue(sessionId);
  return {
    environment: runVariables(mode, token),
    usage: tokens.find(token)?.usage,
    end: () => tokens.revoke(token),
  };
}
