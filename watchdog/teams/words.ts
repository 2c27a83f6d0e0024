import type { CredentialKind } from '../contract.ts';
import type { Trouble, TroubleState } from '../ledger/ledger.ts';
import type { Commands } from './commands.ts';

/** Titles of the troubles. */
export const TITLES: Record<TroubleState, string> = {
  auth_failed: 'Claude needs a new login',
  usage_limited: "Claude's usage limit is reached",
  outage: 'Claude is not answering',
  agent_down: 'The Claude agent is not answering',
};

const LOGIN_CAUSES: Record<CredentialKind, { readonly none: string; readonly refused: string }> = {
  session: {
    none: 'Not logged in: the login is missing or empty.',
    refused: 'The login has expired or was revoked, and Anthropic does not renew it.',
  },
  oauthToken: {
    none: 'There is no token.',
    refused: 'Anthropic rejects the token: it has expired or was revoked.',
  },
  apiKey: { none: 'There is no API key.', refused: 'Anthropic rejects the API key.' },
  federation: {
    none: "There is no identity token in the agent's pod.",
    refused: "Anthropic's federation rule does not accept the pod's identity token.",
  },
};

const CAUSES: Readonly<Record<string, string>> = {
  organization: 'The organisation does not allow Claude Code with this login.',
  billing: 'The account has no credit left, or its payment failed.',
  usage_limit: "The account has reached its plan's usage limit.",
  rate_limit: 'Anthropic reports too many requests.',
  anthropic_error: 'Anthropic is overloaded or has an internal error.',
  unreachable: "Anthropic can't be reached from the agent: DNS, network, proxy or firewall.",
  no_answer: 'Anthropic accepts requests but does not answer them.',
  not_renewed:
    "The login is due for renewal, but the renewal service can't be reached. The login itself may still be valid.",
  claude_failed: 'The claude program on the agent failed.',
};

/** The cause as a sentence; the agent's own one if its word for the cause is unknown. */
export function causeOf({ state, cause = '', detail }: Trouble, authMode: CredentialKind): string {
  if (state === 'agent_down') return `The login could not be checked: ${asSentence(detail)}`;
  if (state === 'auth_failed' && cause === 'no_credential') return LOGIN_CAUSES[authMode].none;
  if (state === 'auth_failed' && cause === 'refused') return LOGIN_CAUSES[authMode].refused;
  return CAUSES[cause] ?? asSentence(detail);
}

/** What a person has to do, in three lines; none if waiting is all there is to do. */
export function fixOf({ state, cause }: Trouble, authMode: CredentialKind, commands: Commands): readonly string[] {
  const renewal = commands.renewal[authMode];
  // The last of the three lines: a pass that finds the login working resumes everything.
  const then = `${commands.check}   (or wait for the next check; workflows resume automatically)`;
  switch (state) {
    case 'auth_failed':
      if (cause === 'billing') {
        return ['Anthropic Console → Plans & Billing: add credit or fix the payment', 'No deployment is needed', then];
      }
      if (cause === 'organization') {
        return [
          'Ask an admin of the organisation to allow Claude Code, or use another account:',
          renewal.join(' && '),
          then,
        ];
      }
      return [...renewal, then];
    case 'agent_down':
      return commands.look;
    case 'usage_limited':
    case 'outage':
      return [];
  }
}

/** Ends a text with a full stop if it has no end. */
export const asSentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** 2026-11-22 03:30 UTC. */
export const timeOf = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

/** A duration for people. */
export function spanOf(since: string, until: string): string {
  const minutes = Math.max(0, Math.round((Date.parse(until) - Date.parse(since)) / 60_000));
  if (minutes < 1) return 'less than a minute';
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} hours` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days ${hours % 24} h`;
}
