import { AGENT_PORT } from '../../../agent/contract.ts';
import { NAMES } from '../../names.ts';
import { run, start } from '../../exec.ts';
import type { RunFailure } from '../../exec.ts';

/** kubectl on the stack's cluster, in its namespace. */
export type Kubectl = (args: readonly string[]) => Promise<Answer>;

/** The output of kubectl, or why it failed. */
type Answer = { readonly output: string } | Pick<RunFailure, 'failure' | 'missing'>;

/** The options that select the stack's cluster and namespace. @param context of the kubeconfig; empty for the current one. */
export const stackIn = (context: string): readonly string[] => [
  ...(context === '' ? [] : ['--context', context]),
  ...['--namespace', NAMES.namespace],
];

/** @param context of the kubeconfig; empty for the current one. */
export function kubectlOf(context: string): Kubectl {
  const where = stackIn(context);
  return (args) => run('kubectl', [...where, ...args]);
}

/**
 * Calls the agent through a local port that stays open until `call` settles.
 * @param context of the kubeconfig; empty for the current one.
 * @param call receives the address, such as `http://127.0.0.1:40123`.
 * @param timeoutMs after which the port is closed.
 * @throws Error with kubectl's reason if no port could be opened.
 */
export async function throughPort<T>(
  context: string,
  call: (address: string) => Promise<T>,
  timeoutMs: number,
): Promise<T> {
  const forward = ['port-forward', `deploy/${NAMES.deployment}`, ':http'];
  const { first, stop } = await start('kubectl', [...stackIn(context), ...forward], timeoutMs);
  try {
    if ('failure' in first) throw new Error(`kubectl port-forward: ${first.failure}`);
    // `Forwarding from 127.0.0.1:40123 -> 3000`
    const [address] = /127\.0\.0\.1:\d+/.exec(first.output) ?? [];
    if (address === undefined) throw new Error(`kubectl port-forward: ${first.output.trim()}`);
    return await call(`http://${address}`);
  } finally {
    await stop();
  }
}

/** The agent's response to `GET` of a path, requested from inside its pod. */
export function fromAgent(kubectl: Kubectl, path: string): Promise<Answer> {
  return kubectl(['exec', `deploy/${NAMES.deployment}`, '--', 'curl', '-s', '-S', `localhost:${AGENT_PORT}${path}`]);
}

/** Whether the system is deployed in the cluster, by this state or another. Also false if the cluster can't be reached. */
export async function isDeployed(kubectl: Kubectl): Promise<boolean> {
  const label = '{.metadata.labels.app\\.kubernetes\\.io/managed-by}';
  const answer = await kubectl(['get', `namespace/${NAMES.namespace}`, '--output', `jsonpath=${label}`]);
  return 'output' in answer && answer.output === 'pulumi';
}
