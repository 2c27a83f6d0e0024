import * as fs from 'node:fs';
import * as path from 'node:path';

import { parse } from 'yaml';

import { NAMES } from '../../names.ts';
import { repairStateFiles, removeStaleLocks } from '../system/backend-folder.ts';
import { configOf } from '../../config/check.ts';
import { withLiveManagers } from '../system/field-managers.ts';
import { kubectlOf } from '../system/kubectl.ts';
import { runEngine } from '../system/engine.ts';
import { CliError } from '../system/terminal.ts';
import { lookUpImage } from '../system/registry.ts';
import { azureRegistryOf, StackFile } from '../../config/stack-file.ts';
import { findStack, prepareStack } from '../system/stack.ts';
import { writeState } from '../system/state.ts';
import { withoutFieldManagers } from '../../pulumi-internals/field-managers.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';
import { PLACES } from '../archive/manifest.ts';
import { newestLogin } from '../archive/newest-login.ts';
import type { KubeObject } from '../archive/objects.ts';
import { putLocal } from './local.ts';
import { putVolume } from './volume.ts';
import type { Plan } from './plan.ts';

/** Puts this machine's files in place. */
export async function restoreLocal(plan: Plan): Promise<void> {
  putLocal({ ...plan, stackFileContent: await stackFileFor(plan) });
}

/** The stack file without outdated config: a pinned image that the registry lost, the login of another machine. */
async function stackFileFor({ stackFileContent, environment, folder, options, say }: Plan): Promise<string> {
  const file = new StackFile(stackFileContent, environment.projectDir);
  const pinned = file.get('image') ?? '';
  const isLost = pinned !== '' && (await lookUpImage(pinned, azureRegistryOf(file))).image === 'lost';
  if (isLost) {
    say(`The registry has no ${pinned}, which was pinned: building this checkout instead.`);
    file.set('image', '');
  }
  const others = Object.entries({ sessionFrom: 'folder', sessionDir: '' }).filter(
    ([key, value]) => file.get(key) !== value && options.config[key] === undefined,
  );
  const replaced = newestLogin(folder) === undefined ? [] : others;
  for (const [key, value] of replaced) {
    say(`Set config ${key} to '${value}': the login of the backup is in .local/session.`);
    file.set(key, value);
  }
  return isLost || replaced.length > 0 ? file.toString() : stackFileContent;
}

/**
 * Imports the state of the backup, with the field managers that the objects have by now. The next update recreates the
 * resources that no longer exist.
 */
export async function restoreState({ environment, engine, stack, folder, project, context, say }: Plan): Promise<void> {
  const { projectDir, localDir, backendFolder } = environment;
  const file = path.join(folder, PLACES.state);
  if (!fs.existsSync(file)) return;
  const inFolder = backendFolder === undefined ? undefined : { folder: backendFolder, project, stack };
  if (inFolder !== undefined) repairStateFiles(inFolder, say);
  // restoreLocal has restored the API token.
  const { env } = await prepareStack(environment, engine, stack, say, () => Promise.resolve(true));
  if (inFolder !== undefined) await removeStaleLocks(inFolder, say);
  const backedUp = JSON.parse(fs.readFileSync(file, 'utf8')) as ExportedState;
  const managed = await withLiveManagers(withoutFieldManagers(backedUp), kubectlOf(context), localDir);
  if ('failure' in managed) {
    say(
      `kubectl could not read the objects in the cluster: ${managed.failure}. If some were deleted since the backup, what a later change of the config removes from them may stay there.`,
    );
  }
  const state = 'failure' in managed ? backedUp : managed.state;
  await writeState({ engine, projectDir, env, stack }, state, localDir);
}

/** Creates everything except the agent, which must not start before its volume is filled. */
export async function upWithoutAgent({ up, stack, project }: Plan): Promise<void> {
  const type = 'claude-code-agent:stack:AgentService$kubernetes:apps/v1:Deployment';
  const agent = `urn:pulumi:${stack}::${project}::${type}::agent-deployment`;
  const exitCode = await up('--yes', '--skip-preview', '--non-interactive', '--exclude', agent, '--exclude-dependents');
  if (exitCode !== 0)
    throw new CliError('Some resources could not be created. Run the same command again: it continues from here.');
}

/** Fills the agent's volume, and restores the watchdog's ledger, which records what it paused in n8n. */
export async function restoreVolume(plan: Plan): Promise<void> {
  const { environment, engine, stack, folder, scratch, context, say } = plan;
  const { projectDir } = environment;
  const ready = await findStack(environment, engine, stack);
  if (ready === undefined) throw new CliError(`There is no stack ${stack}.`);
  const image = (await runEngine(engine, ['stack', 'output', 'image', '--stack', stack], projectDir, ready.env)).trim();
  say(`Putting run records, login and conversations on the volume ${NAMES.volume}.`);
  const config = configOf(projectDir, ready.configFile);
  await putVolume({ context, config, image, folder: path.join(folder, PLACES.volume), scratch });
  await restoreLedger(plan);
}

/** A ledger that the watchdog has started since is newer and stays. */
async function restoreLedger({ folder, context }: Plan): Promise<void> {
  const file = path.join(folder, PLACES.objects, 'configmap', `${NAMES.watchdog}.yaml`);
  if (!fs.existsSync(file)) return;
  const { data } = parse(fs.readFileSync(file, 'utf8'), { version: '1.1' }) as KubeObject;
  if (data === undefined) return;
  const kubectl = kubectlOf(context);
  const now = await kubectl(['get', `configmap/${NAMES.watchdog}`, '--output', 'jsonpath={.data}']);
  if ('output' in now && now.output !== '') return;
  const patch = await kubectl(['patch', `configmap/${NAMES.watchdog}`, '--patch', JSON.stringify({ data })]);
  if ('failure' in patch) throw new CliError(`The watchdog's ledger could not be restored: ${patch.failure}`);
}
