import type { Health } from '../../../agent/http/api/state.ts';
import { MAINTENANCE_PAUSE } from '../../../watchdog/contract.ts';
import { NAMES } from '../../names.ts';
import { npmRunAll } from '../../next-command.ts';
import { fromAgent } from '../system/kubectl.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { broken, ok } from './finding.ts';
import type { Check, Finding } from './finding.ts';

/** What the agent reports about itself and its login. */
export function agent(kubectl: Kubectl): Check[] {
  let health: Health | undefined;
  return [
    {
      name: 'agent',
      needs: ['pod'],
      look: async () => {
        const answer = await fromAgent(kubectl, '/health');
        if ('failure' in answer)
          return broken(answer.failure, `kubectl -n ${NAMES.namespace} logs deployment/${NAMES.deployment}`);
        health = JSON.parse(answer.output) as Health;
        const { version, activeRequests, queued, paused, files } = health;
        if (files !== undefined) return broken(files, MORE_FILES);
        if (!paused) return ok(`version ${version}, ${activeRequests} run(s) in progress, ${queued} queued`);
        const why = paused.reason === undefined ? '' : `: ${paused.reason}`;
        return broken(`paused since ${paused.since}${why}`, isMaintenance(paused.reason) ? END : RESUME);
      },
    },
    {
      name: 'login',
      needs: ['pod'],
      look: () =>
        Promise.resolve(health ? ofLogin(health) : broken('the agent does not answer', 'see the agent line above')),
    },
  ];
}

const MORE_FILES = npmRunAll(['pulumi', 'config set filesMegabytes 3072'], 'up') + ', or fewer recordDays';
const END = `kubectl create job --from=cronjob/${NAMES.maintenanceEnd} maintenance-end -n ${NAMES.namespace}`;
/** Ending a maintenance lifts only its own pause. */
const RESUME = 'Resume on the status page, or see docs/troubleshooting.md#paused-by-a-person';
const isMaintenance = (reason = ''): boolean => reason.startsWith(MAINTENANCE_PAUSE);
const CHECK = `kubectl create job --from=cronjob/${NAMES.watchdog} check-now -n ${NAMES.namespace}`;

function ofLogin({ auth: { mode, source, state, expiresAt, resetsAt, problem } }: Health): Finding {
  const where = `${mode}, ${source}`;
  const until = expiresAt === undefined ? '' : `, renewed before ${expiresAt}`;
  switch (state) {
    case 'ok':
      return ok(`works: ${where}${until}`);
    case 'unknown':
      if (problem !== undefined) return broken(problem, logInBy(mode));
      return ok(`not used since the agent started: ${where}${until}`);
    case 'auth_failed':
      return broken(problem ?? `Anthropic rejected it: ${where}`, logInBy(mode));
    case 'usage_limited':
      return broken(
        `the usage limit is reached${resetsAt === undefined ? '' : `, until ${resetsAt}`}`,
        'wait, or use another account',
      );
    case 'outage':
      return broken('Anthropic did not answer the last prompt', `check https://status.claude.com, then ${CHECK}`);
  }
}

function logInBy(mode: string): string {
  const setToken = npmRunAll(['pulumi', 'config set --secret claudeToken'], 'up');
  switch (mode) {
    case 'oauthToken':
      return `claude setup-token, then ${setToken}`;
    case 'apiKey':
      return setToken;
    case 'federation':
      return 'compare the federation rule with the identity token: docs/configuration.md#federation';
    default:
      return npmRunAll('login', 'up');
  }
}
