import type { Health } from '../../../agent/http/api/state.ts';
import { NAMES } from '../../names.ts';
import { fromAgent } from '../system/kubectl.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { broken, ok, skipped } from './finding.ts';
import type { Check, Finding } from './finding.ts';
import { logsOf, lookAtPods } from './pods.ts';

/** The runners, and whether the agent reaches them. */
export function runners(kubectl: Kubectl): Check[] {
  return [{ name: 'runners', needs: ['pod'], look: () => lookAtRunners(kubectl) }];
}

async function lookAtRunners(kubectl: Kubectl): Promise<Finding> {
  const found = await kubectl(['get', `deployment/${NAMES.runner}`, '--ignore-not-found', '--output', 'name']);
  if ('failure' in found) return broken(found.failure, `kubectl -n ${NAMES.namespace} get deployments`);
  if (found.output === '') return skipped("there are none: claude runs in the agent's pod");
  const pods = await lookAtPods(kubectl, 'runner');
  if (pods.state !== 'ok') return pods;
  const answer = await fromAgent(kubectl, '/health');
  if ('failure' in answer) return broken(answer.failure, logsOf('agent'));
  const { slots } = JSON.parse(answer.output) as Health;
  if (slots > 0) return ok(`${pods.detail}; ${slots} run(s) at a time`);
  return broken(
    `${pods.detail}, but the agent reaches none, so that runs wait: docs/troubleshooting.md#no-runner`,
    logsOf('agent'),
  );
}
