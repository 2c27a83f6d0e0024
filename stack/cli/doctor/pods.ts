import { NAMES } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { broken, ok } from './finding.ts';
import type { Finding } from './finding.ts';

const IN = `-n ${NAMES.namespace}`;
const DESCRIBE = `kubectl ${IN} describe pods`;
const EVENTS = `kubectl ${IN} get events --sort-by=.lastTimestamp`;

const DEPLOYMENTS = { agent: NAMES.deployment, runner: NAMES.runner } as const;
type Part = keyof typeof DEPLOYMENTS;

/** The command that shows the log of a part. */
export const logsOf = (part: Part): string => `kubectl ${IN} logs deployment/${DEPLOYMENTS[part]}`;

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

/** Whether all pods of a part are ready, and if not, why the first is not. */
export async function lookAtPods(kubectl: Kubectl, part: Part): Promise<Finding> {
  const [deployment, pods] = await Promise.all([
    kubectl(['get', `deployment/${DEPLOYMENTS[part]}`, '--output', 'json']),
    kubectl(['get', 'pods', '--selector', `app.kubernetes.io/component=${part}`, '--output', 'json']),
  ]);
  if ('failure' in deployment) return broken(deployment.failure, npmRun('up'));
  if ('failure' in pods) return broken(pods.failure, DESCRIBE);
  const { spec, status } = JSON.parse(deployment.output) as Deployment;
  if (spec.replicas === 0) return broken('the Deployment is scaled to 0', npmRun('up'));
  const failure = status.conditions?.find(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True');
  // Pods of the update before may be ready meanwhile.
  if (failure) return broken(failure.message, EVENTS);
  const alive = (JSON.parse(pods.output) as { items: Pod[] }).items.filter(
    ({ metadata }) => !metadata.deletionTimestamp,
  );
  const pod = alive.find((one) => !isReady(one)) ?? alive[0];
  if (!pod) return broken('there is no pod', EVENTS);
  const restarts = pod.status.containerStatuses?.reduce((sum, { restartCount }) => sum + restartCount, 0) ?? 0;
  const name = `${pod.metadata.name}${restarts === 0 ? '' : `, ${restarts} restart(s)`}`;
  if (status.readyReplicas === spec.replicas) return ok(spec.replicas === 1 ? name : `${spec.replicas} are ready`);
  const waiting = pod.status.containerStatuses?.find(({ state }) => state.waiting)?.state.waiting;
  if (waiting) return broken(`${name}: ${waiting.reason}${tail(waiting.message)}`, nextFor(waiting.reason, part));
  const unscheduled = pod.status.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unscheduled) return broken(`${name} is not scheduled on a node${tail(unscheduled.message)}`, DESCRIBE);
  return broken(`${name} is not ready`, logsOf(part));
}

const isReady = ({ status }: Pod): boolean =>
  status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;

const tail = (message: string | undefined): string =>
  message === undefined ? '' : `: ${message.split('\n')[0] ?? ''}`;

function nextFor(reason: string, part: Part): string {
  if (reason === 'CrashLoopBackOff') return `${logsOf(part)} --previous`;
  if (/^(ErrImage|ImagePull|InvalidImage)/.test(reason))
    return `${npmRun('up')}   (rebuilds and pushes the image if the registry lost it)`;
  return DESCRIBE;
}
