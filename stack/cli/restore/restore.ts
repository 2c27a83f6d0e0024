import * as fs from 'node:fs';
import * as path from 'node:path';

import { NAMES } from '../../names.ts';
import { npmRun, npmRunAll } from '../../next-command.ts';
import { confirmed, mustBeAsked, CliError } from '../system/terminal.ts';
import { kubectlOf } from '../system/kubectl.ts';
import { privateFolder } from '../system/local-files.ts';
import { removeScratches, withScratch } from '../archive/archive.ts';
import { existingData } from './existing-data.ts';
import { newestLogin } from '../archive/newest-login.ts';
import { Progress, VOLUME_STEP } from '../archive/progress.ts';
import { restoreOptions } from './options.ts';
import { descriptionOf, planOf } from './plan.ts';
import type { Plan, RestoreContext } from './plan.ts';
import { restoreLocal, restoreState, restoreVolume, upWithoutAgent } from './steps.ts';

/**
 * `npm run restore -- FILE`: restores a system from a backup, into the cluster that the config names. The agent starts last,
 * when its volume is filled. A restore that is killed continues when it is run again.
 * @returns the exit code of the final update, or 1 if the operator declined.
 * @throws CliError when the backup is damaged, an existing system would be overwritten, or a step fails.
 */
export async function restore(given: RestoreContext): Promise<number> {
  const { environment, say } = given;
  const options = restoreOptions(given.given);
  if (!fs.existsSync(options.file)) throw new CliError(`There is no file ${path.resolve(options.file)}.`);
  const beside = privateFolder(path.join(environment.localDir, 'backups'));
  await removeScratches(beside);
  return withScratch(beside, async (scratch) => {
    const plan = await planOf(given, options, scratch);
    const which = JSON.stringify([plan.manifest.createdAt, options.parts]);
    const progress = new Progress(environment.localDir, which, path.resolve(options.file));
    if (progress.wasBegun) say('This restore was started before; it continues where it stopped.');
    else await refuseToOverwrite(plan);
    say(descriptionOf(plan));
    if (!options.yes) {
      mustBeAsked('restore');
      if (!(await confirmed('Restore?'))) return 1;
    }
    progress.begin();
    if (options.parts.includes('state')) {
      await progress.step('local', () => restoreLocal(plan));
      await progress.step('state', () => restoreState(plan));
    }
    if (plan.fillsVolume) await progress.step('all but the agent', () => upWithoutAgent(plan));
    await progress.step(VOLUME_STEP, () => (plan.fillsVolume ? restoreVolume(plan) : Promise.resolve()));
    const exitCode = await plan.up('--yes', '--skip-preview', '--non-interactive');
    if (exitCode !== 0) {
      say('The last step of the restore failed. Run the same command again: it continues from here.');
      return exitCode;
    }
    progress.end();
    say(doneText(plan));
    return 0;
  });
}

async function refuseToOverwrite({ environment, engine, stack, context, options }: Plan): Promise<void> {
  const living = await existingData(environment, engine, stack, kubectlOf(context), options.parts);
  if (living.length === 0 || options.overwrite) return;
  throw new CliError(
    [
      'The restore would overwrite an existing system:',
      ...living.map((line) => `  ${line}`),
      `Back it up first: ${npmRun('backup')}. To overwrite it, add --overwrite. Nothing changed.`,
    ].join('\n'),
  );
}

function doneText({ folder, manifest, options }: Plan): string {
  const login = newestLogin(folder);
  const lines = [`Restored ${options.file} of ${manifest.createdAt}.`];
  if (login !== undefined) {
    lines.push(
      `The login is from ${login.from}. Refresh tokens work once: if the login was renewed after the backup, it no longer works. Test it:`,
      `  kubectl create job --from=cronjob/${NAMES.watchdog} after-restore -n ${NAMES.namespace}`,
      `If that fails with exit code 57: ${npmRunAll('login', 'up')}`,
    );
  }
  return [...lines, `Check the system: ${npmRun('doctor')}`].join('\n');
}
