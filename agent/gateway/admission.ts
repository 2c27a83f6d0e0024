import type { AuthMode } from '../contract.ts';
import type { Admission } from '../login/configurations.ts';
import { runVariables } from './credential.ts';
import type { RunTokens } from './run-tokens.ts';

/** Lets a process call the gateway, with a token of its own. */
export function admit(tokens: RunTokens, mode: AuthMode, sessionId: string): Admission {
  const token = tokens.issue(sessionId);
  const holder = tokens.find(token);
  return {
    environment: runVariables(mode, token),
    get usage() {
      return holder?.usage.total;
    },
    end: () => tokens.revoke(token),
  };
}
