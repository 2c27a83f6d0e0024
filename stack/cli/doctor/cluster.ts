import type { Problem } from '../../../agent/http/api/problem.ts';
import type { Ready } from '../../../agent/http/api/state.ts';
import { NAMES } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { fromAgent } from '../system/kubectl.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { broken, ok } from './finding.ts';
import type { Check } from './finding.ts';
import { logsOf, lookAtPods } from './pods.ts';

/** The cluster, and the agent's pod in it. */
export function cluster(kubectl: Kubectl): Check[] {
  return [
    {
      name: 'cluster',
      needs: ['kubectl'],
      look: async () => {
        const answer = await kubectl(['get', '--raw', '/readyz']);
        if ('output' in answer) return ok('the API server is ready');
        return broken(answer.failure, 'kubectl config get-contexts   (config kubeContext selects another one)');
      },
    },
    {
      name: 'namespace',
      needs: ['cluster'],
      look: async () => {
        const answer = await kubectl(['get', `namespace/${NAMES.namespace}`, '--output', 'jsonpath={.status.phase}']);
        if ('failure' in answer) return broken(answer.failure, npmRun('up'));
        return answer.output === 'Active'
          ? ok(NAMES.namespace)
          : broken(`its phase is ${answer.output}`, `wait, then ${npmRun('up')}`);
      },
    },
    { name: 'pod', needs: ['namespace'], look: () => lookAtPods(kubectl, 'agent') },
    {
      name: 'readiness',
      needs: ['pod'],
      look: async () => {
        const answer = await fromAgent(kubectl, '/ready');
        if ('failure' in answer) return broken(answer.failure, logsOf('agent'));
        const report = JSON.parse(answer.output) as Ready | Problem;
        return report.status === 'ready' ? ok('the agent accepts runs') : broken(report.detail, logsOf('agent'));
      },
    },
  ];
}
