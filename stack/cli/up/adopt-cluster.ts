import { readProject, StackFile } from '../../config/stack-file.ts';
import { NAMES } from '../../names.ts';
import { record } from '../../plan/record.ts';
import { standIn } from '../../plan/stand-ins.ts';
import type { RecordTexts } from '../../update-record.ts';
import { stateOf } from '../../pulumi-internals/adopted-state.ts';
import { withLiveManagers } from '../system/field-managers.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { readState, writeState } from '../system/state.ts';
import type { EngineCall } from '../system/state.ts';
import { CliError } from '../system/terminal.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';

/** What {@link adoptCluster} needs besides the engine. */
export interface AdoptOptions {
  readonly kubectl: Kubectl;
  /** The stack's config file. */
  readonly configFile: string;
  /** Folder for a temporary file. */
  readonly localDir: string;
  readonly say: (line: string) => void;
}

/**
 * Rebuilds a lost state: adds the objects in the cluster to an empty stack. Without this, an update would fail at the first
 * object that already exists.
 * @returns The new state.
 * @throws CliError if kubectl can't read the objects.
 */
export async function adoptCluster(
  call: EngineCall,
  state: ExportedState,
  { kubectl, configFile, localDir, say }: AdoptOptions,
): Promise<ExportedState> {
  say(`The system is deployed in the cluster, but the stack ${call.stack} is empty: adopting the existing objects.`);
  const project = readProject(call.projectDir);
  const config = StackFile.at(configFile, call.projectDir).values();
  const { resources } = await record(
    { project: project.name, stack: call.stack, config, standIn },
    () => import('../../index.ts'),
  );
  const taken = stateOf(resources, project.name, call.stack, await shownRecords(kubectl));
  const adopted = { ...state, deployment: { ...state.deployment, resources: taken } };
  const managed = await withLiveManagers(adopted, kubectl, localDir);
  if ('failure' in managed)
    throw new CliError(`kubectl could not read the existing objects: ${managed.failure}. Nothing changed.`);
  await writeState(call, managed.state, localDir);
  return readState(call);
}

/** The update records in the cluster; those in the state were lost with it. */
async function shownRecords(kubectl: Kubectl): Promise<RecordTexts> {
  const answer = await kubectl(['get', `configmap/${NAMES.updates}`, '--output', 'json']);
  if ('failure' in answer) return {};
  const { data = {} } = JSON.parse(answer.output) as { data?: RecordTexts };
  return data;
}
