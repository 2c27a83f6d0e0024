import type { Problem } from '../../../agent/http/api/problem.ts';
import type { Ready } from '../../../agent/http/api/state.ts';
import { NAMES } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { fromAgent } from '../system/kubectl.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { broken, ok } from './finding.ts';
import type { Check, Finding } from './finding.ts';

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
    { name: 'pod', needs: ['namespace'], look: () => lookAtPod(kubectl) },
    {
      name: 'readiness',
      needs: ['pod'],
      look: async () => {
        const answer = await fromAgent(kubectl, '/ready');
        if ('failure' in answer) return broken(answer.failure, LOGS);
        const report = JSON.parse(answer.output) as Ready | Problem;
        return report.status === 'ready' ? ok('the agent accepts runs') : broken(report.detail, LOGS);
      },
    },
  ];
}

const IN = `-n ${NAMES.namespace}`;
const LOGS = `kubectl ${IN} logs deployment/${NAMES.deployment}`;
const DESCRIBE = `kubectl ${IN} describe pods`;

interface Waiting {
  readonly reason: string;
  readonly message?: string;
}
interface ContainerStatus {
  readonly restartCount: number;
  readonly state: { readonly waiting?: Waiting };
}
interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}
interface Deployment {
  readonly spec: { readonly replicas: number };
  readonly status: {
    readonly readyReplicas?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
}

async function lookAtPod(kubectl: Kubectl): Promise<Finding> {
  const [deployment, pods] = await Promise.all([
    kubectl(['get', `deployment/${NAMES.deployment}`, '--output', 'json']),
    kubectl(['get', 'pods', '--selector', 'app.kubernetes.io/component=agent', '--output', 'json']),
  ]);
  if ('failure' in deployment) return broken(deployment.failure, npmRun('up'));
  if ('failure' in pods) return broken(pods.failure, DESCRIBE);
  const { spec, status } = JSON.parse(deployment.output) as Deployment;
  if (spec.replicas === 0) return broken('the Deployment is scaled to 0', npmRun('up'));
  const alive = (JSON.parse(pods.output) as { items: Pod[] }).items.filter(
    ({ metadata }) => !metadata.deletionTimestamp,
  );
  const [pod] = alive;
  if (!pod) {
    const failure = status.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message;
    return broken(failure ?? 'there is no pod', `kubectl ${IN} get events --sort-by=.lastTimestamp`);
  }
  const restarts = pod.status.containerStatuses?.reduce((sum, { restartCount }) => sum + restartCount, 0) ?? 0;
  const name = `${pod.metadata.name}${restarts === 0 ? '' : `, ${restarts} restart(s)`}`;
  if (status.readyReplicas === 1) return ok(name);
  const waiting = pod.status.containerStatuses?.find(({ state }) => state.waiting)?.state.waiting;
  if (waiting) return broken(`${name}: ${waiting.reason}${tail(waiting.message)}`, nextFor(waiting.reason));
  const unscheduled = pod.status.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unscheduled) return broken(`${name} is not scheduled on a node${tail(unscheduled.message)}`, DESCRIBE);
  return broken(`${name} is not ready`, LOGS);
}

const tail = (message: string | undefined): string =>
  message === undefined ? '' : `: ${message.split('\n')[0] ?? ''}`;

function nextFor(reason: string): string {
  if (reason === 'CrashLoopBackOff') return `${LOGS} --previous`;
  if (/^(ErrImage|ImagePull|InvalidImage)/.test(reason))
    return `${npmRun('up')}   (rebuilds and pushes the image if the registry lost it)`;
  return DESCRIBE;
}
