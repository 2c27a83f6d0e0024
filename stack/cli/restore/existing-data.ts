import { NAMES } from '../../names.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { CliError } from '../system/terminal.ts';
import type { Engine } from '../system/engine.ts';
import { backendName } from '../system/environment.ts';
import type { CliEnvironment } from '../system/environment.ts';
import { findStack } from '../system/stack.ts';
import { readState } from '../system/state.ts';
import type { Part } from './options.ts';

/**
 * A sentence for each thing that a restore of these parts would overwrite. Empty for a new machine and a new cluster.
 * @throws CliError when the cluster cannot be reached.
 */
export async function existingData(
  environment: CliEnvironment,
  engine: Engine,
  stack: string,
  kubectl: Kubectl,
  parts: readonly Part[],
): Promise<string[]> {
  const inState = parts.includes('state') ? await existingState(environment, engine, stack) : [];
  return parts.includes('volume') ? [...inState, ...(await existingVolume(kubectl))] : inState;
}

async function existingState(environment: CliEnvironment, engine: Engine, stack: string): Promise<string[]> {
  const { projectDir } = environment;
  try {
    const ready = await findStack(environment, engine, stack);
    if (ready === undefined) return [];
    const { deployment } = await readState({ engine, projectDir, env: ready.env, stack });
    const count = deployment?.resources?.length ?? 0;
    return count === 0 ? [] : [`the stack ${stack} has ${count} resources, in ${backendName(environment)}`];
  } catch (error) {
    if (error instanceof CliError) return [`there is a stack ${stack}: ${error.message}`];
    throw error;
  }
}

async function existingVolume(kubectl: Kubectl): Promise<string[]> {
  const names = [`namespace/${NAMES.namespace}`, `persistentvolumeclaim/${NAMES.volume}`];
  const answer = await kubectl(['get', ...names, '--ignore-not-found', '--output', 'json']);
  if ('failure' in answer) {
    throw new CliError(
      `The cluster cannot be reached: ${answer.failure}. See \`kubectl config get-contexts\`; --config kubeContext=NAME names another context.`,
    );
  }
  const { items = [] } = JSON.parse(answer.output || '{}') as { items?: Found[] };
  const namespace = items.find(({ kind }) => kind === 'Namespace');
  if (namespace?.metadata.deletionTimestamp !== undefined) {
    throw new CliError(
      `The namespace ${NAMES.namespace} is being deleted. Wait until it is gone: kubectl wait --for=delete namespace/${NAMES.namespace}`,
    );
  }
  const claim = items.find(({ kind }) => kind === 'PersistentVolumeClaim');
  return claim === undefined
    ? []
    : [
        `the cluster has a volume ${NAMES.volume}, with run records, login and conversations, since ${claim.metadata.creationTimestamp}`,
      ];
}

interface Found {
  readonly kind: string;
  readonly metadata: { readonly creationTimestamp: string; readonly deletionTimestamp?: string };
}
