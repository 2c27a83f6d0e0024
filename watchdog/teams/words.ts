import { WATCHDOG_DEFAULTS } from '../contract.ts';
import type { CredentialKind } from '../contract.ts';
import type { Trouble, TroubleState } from '../ledger/ledger.ts';

/** What is wrong, in a few words. */
export const TITLES: Record<TroubleState, string> = {
  auth_failed: 'Claude needs a new login',
  usage_limited: "Claude's usage limit is reached",
  outage: 'Claude is not answering',
  agent_down: 'The Claude agent is not answering',
};

const LOGIN_CAUSES: Record<CredentialKind, { readonly none: string; readonly refused: string }> = {
  session: {
    none: 'Nobody is logged in: the login is missing or was emptied.',
    refused: 'The login expired or was revoked, and Anthropic does not renew it.',
  },
  oauthToken: {
    none: 'There is no token.',
    refused: 'Anthropic refuses the token: it expired or was revoked.',
  },
  apiKey: { none: 'There is no API key.', refused: 'Anthropic refuses the API key.' },
  federation: {
    none: "There is no identity token in the agent's pod.",
    refused: "Anthropic's federation rule does not take the pod's identity token.",
  },
};

const CAUSES: Readonly<Record<string, string>> = {
  organization: 'The organisation does not allow Claude Code with this login.',
  billing: 'The account has no credit left, or its payment failed.',
  usage_limit: 'The account has used up what its plan allows.',
  rate_limit: 'Anthropic answers that there are too many requests.',
  anthropic_error: 'Anthropic is overloaded or has a fault.',
  unreachable: "Anthropic can't be reached from the agent: DNS, network, proxy or firewall.",
  no_answer: 'Anthropic accepts requests and does not answer them.',
  not_renewed:
    "The login has to be renewed, and the place that does it can't be reached. The login itself may be good.",
  claude_failed: 'The claude program on the agent failed.',
};

/** The cause in plain words; the agent's own sentence where its word for the cause is not known. */
export function causeOf({ state, cause = '', detail }: Trouble, authMode: CredentialKind): string {
  if (state === 'agent_down') return `The agent did not say whether the login works: ${asSentence(detail)}`;
  if (state === 'auth_failed' && cause === 'no_credential') return LOGIN_CAUSES[authMode].none;
  if (state === 'auth_failed' && cause === 'refused') return LOGIN_CAUSES[authMode].refused;
  return CAUSES[cause] ?? asSentence(detail);
}

const CHECK = 'kubectl create job --from=cronjob/claude-auth-watchdog check-now -n claude-agent';

/** The last of the three lines: a pass that finds all well brings everything back. */
const THEN = `${CHECK}   (or wait for the next check: workflows come back by themselves)`;

/** A command of this repository on a stack, as it is typed; the usual stack needs no name. */
export function npmRun(stack: string, name: string, args = ''): string {
  const all = [args, stack === WATCHDOG_DEFAULTS.stack ? '' : `--stack ${stack}`].filter(Boolean).join(' ');
  return `npm run ${name}${all === '' ? '' : ` -- ${all}`}`;
}

function renewal(authMode: CredentialKind, stack: string): readonly [string, string] {
  const up = npmRun(stack, 'up');
  const setToken = `${npmRun(stack, 'pulumi', 'config set --secret claudeToken')} && ${up}`;
  switch (authMode) {
    case 'session':
      return [`${npmRun(stack, 'login')}   (in the checkout of claude-code-agent)`, up];
    case 'oauthToken':
      return ['claude setup-token   (on your machine; it prints a token)', setToken];
    case 'apiKey':
      return ['Make a key in the Anthropic Console (Settings → API keys)', setToken];
    case 'federation':
      return [
        'Claude Console → the federation rule: compare issuer, subject and audience with the identity token',
        `${npmRun(stack, 'pulumi', 'config set …')}, where the rule or the organisation changed, and ${up}`,
      ];
  }
}

/** What a person has to do, in three lines; nothing where waiting is all there is to do. */
export function fixOf({ state, cause }: Trouble, authMode: CredentialKind, stack: string): readonly string[] {
  switch (state) {
    case 'auth_failed':
      if (cause === 'billing') {
        return [
          'Anthropic Console → Plans & Billing: add credit or mend the payment',
          'Nothing has to be deployed',
          THEN,
        ];
      }
      if (cause === 'organization') {
        return [
          'Ask an admin of the organisation to allow Claude Code, or take another account:',
          renewal(authMode, stack).join(' && '),
          THEN,
        ];
      }
      return [...renewal(authMode, stack), THEN];
    case 'agent_down':
      return [
        'kubectl get pods -n claude-agent',
        'kubectl describe deployment/claude-code-agent -n claude-agent',
        'kubectl logs deployment/claude-code-agent -n claude-agent',
      ];
    case 'usage_limited':
    case 'outage':
      return [];
  }
}

/** A text of somebody else's as a sentence. */
export const asSentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** 2026-11-22 03:30 UTC. */
export const timeOf = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

/** How long something took, as a person would say it. */
export function spanOf(since: string, until: string): string {
  const minutes = Math.max(0, Math.round((Date.parse(until) - Date.parse(since)) / 60_000));
  if (minutes < 1) return 'less than a minute';
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} hours` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days ${hours % 24} h`;
}
