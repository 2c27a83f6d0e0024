import { AGENT_PORT } from '../../../agent/contract.ts';
import { NAMES } from '../../names.ts';
import { tryRun } from './exec.ts';
import type { RunAttempt } from './exec.ts';

/** kubectl on the stack's cluster, in its namespace. */
export type Kubectl = (args: readonly string[]) => Promise<RunAttempt>;

/** What tells kubectl where the stack is. @param context of the kubeconfig; empty for the current one. */
export const stackIn = (context: string): readonly string[] => [
  ...(context === '' ? [] : ['--context', context]),
  ...['--namespace', NAMES.namespace],
];

/** @param context of the kubeconfig; empty for the current one. */
export function kubectlOf(context: string): Kubectl {
  const where = stackIn(context);
  return (args) => tryRun('kubectl', [...where, ...args]);
}

/** What the agent answers to `GET` of a path, asked in its own pod. */
export function fromAgent(kubectl: Kubectl, path: string): Promise<RunAttempt> {
  return kubectl(['exec', `deploy/${NAMES.deployment}`, '--', 'curl', '-s', '-S', `localhost:${AGENT_PORT}${path}`]);
}

/** Whether the cluster has the system, made by whatever state; false too where it can't be asked. */
export async function isDeployed(kubectl: Kubectl): Promise<boolean> {
  const label = '{.metadata.labels.app\\.kubernetes\\.io/managed-by}';
  const answer = await kubectl(['get', `namespace/${NAMES.namespace}`, '--output', `jsonpath=${label}`]);
  return 'output' in answer && answer.output === 'pulumi';
}
