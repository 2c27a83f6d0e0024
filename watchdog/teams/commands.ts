import { WATCHDOG_DEFAULTS } from '../contract.ts';
import type { CredentialKind, Deployment } from '../contract.ts';

/** What cards and log lines suggest to a person; it depends on how the agent is deployed. */
export interface Commands {
  /** Gets the agent a new credential, in two lines. */
  readonly renewal: Readonly<Record<CredentialKind, readonly [string, string]>>;
  /** The same as a sentence. */
  readonly remedy: Readonly<Record<CredentialKind, string>>;
  /** Makes a pass of the watchdog. */
  readonly check: string;
  /** Where to look at an agent that does not answer; the best one first. */
  readonly look: readonly [string, ...string[]];
  readonly endMaintenance: string;
  readonly raiseBudget: string;
  /** What the agent runs in, and its name if the agent told none. */
  readonly place: { readonly kind: string; readonly name: string };
}

/**
 * The commands for a deployment.
 * @param stack the Pulumi stack; the default one needs no name in commands.
 */
export function commandsOf(deployment: Deployment, stack: string): Commands {
  return deployment === 'compose' ? COMPOSE : inCluster(stack);
}

function inCluster(stack: string): Commands {
  const npmRun = (name: string, args = '') => {
    const all = [args, stack === WATCHDOG_DEFAULTS.stack ? '' : `--stack ${stack}`].filter(Boolean).join(' ');
    return `npm run ${name}${all === '' ? '' : ` -- ${all}`}`;
  };
  const up = npmRun('up');
  const setToken = `${npmRun('pulumi', 'config set --secret claudeToken')} && ${up}`;
  return {
    renewal: {
      session: [`${npmRun('login')}   (in the checkout of claude-code-agent)`, up],
      oauthToken: ['claude setup-token   (on your machine; it prints a token)', setToken],
      apiKey: ['Create a key in the Anthropic Console (Settings → API keys)', setToken],
      federation: [
        'Claude Console → the federation rule: compare issuer, subject and audience with the identity token',
        `${npmRun('pulumi', 'config set …')}   (if the rule or the organisation changed) && ${up}`,
      ],
    },
    remedy: {
      session: `Log in again: \`${npmRun('login')} && ${up}\`.`,
      oauthToken: `Create a new token with \`claude setup-token\`, set it as the secret claudeToken, and run \`${up}\`.`,
      apiKey: `Check the key and its credit in the Anthropic Console, set it as the secret claudeToken, and run \`${up}\`.`,
      federation:
        'Compare the rule in the Claude Console with the pod\'s identity token: docs/configuration.md, "Federation".',
    },
    check: 'kubectl create job --from=cronjob/claude-auth-watchdog check-now -n claude-agent',
    look: [
      'kubectl describe deployment/claude-code-agent -n claude-agent',
      'kubectl get pods -n claude-agent',
      'kubectl logs deployment/claude-code-agent -n claude-agent',
    ],
    endMaintenance: 'kubectl create job --from=cronjob/claude-maintenance-end maintenance-end -n claude-agent',
    raiseBudget: `raise it in config budgets (Pulumi.${stack}.yaml), then: ${up}`,
    place: { kind: 'Pod', name: 'deployment/claude-code-agent (namespace claude-agent)' },
  };
}

const RESTART = 'docker compose up --detach   (in the folder of compose.yaml)';
const WATCHDOG = 'docker compose exec watchdog node watchdog/main.ts';

const COMPOSE: Commands = {
  renewal: {
    session: [
      'Log in on the status page (Log in), or: docker compose exec agent claude auth login',
      'Nothing has to be restarted',
    ],
    oauthToken: [
      'claude setup-token   (on your machine; it prints a token)',
      `Put it into .env or the file named there, then: ${RESTART}`,
    ],
    apiKey: [
      'Create a key in the Anthropic Console (Settings → API keys)',
      `Put it into .env or the file named there, then: ${RESTART}`,
    ],
    federation: [
      'Claude Console → the federation rule: compare issuer, subject and audience with the identity token',
      `If the rule or the organisation changed, change .env, then: ${RESTART}`,
    ],
  },
  remedy: {
    session: 'Log in again on the status page, or with `docker compose exec agent claude auth login`.',
    oauthToken:
      'Create a new token with `claude setup-token`, put it into .env or the file named there, and run `docker compose up --detach`.',
    apiKey:
      'Check the key and its credit in the Anthropic Console, put it into .env or the file named there, and run `docker compose up --detach`.',
    federation: 'Compare the rule in the Claude Console with the identity token: docs/configuration.md, "Federation".',
  },
  check: WATCHDOG,
  look: ['docker compose ps --all', 'docker compose logs --tail 100 agent'],
  endMaintenance: `${WATCHDOG} maintenance-end`,
  raiseBudget: `raise it in AGENT_BUDGETS (.env), then: ${RESTART}`,
  place: { kind: 'Container', name: 'agent (docker compose)' },
};
