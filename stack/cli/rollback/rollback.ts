import * as fs from 'node:fs';
import * as path from 'node:path';

import { NAMES } from '../../names.ts';
import { npmRun, npmRunAll } from '../../next-command.ts';
import { checkConfig } from '../../config/check.ts';
import { confirmed, mustBeAsked } from '../system/terminal.ts';
import { showEngine } from '../system/engine.ts';
import { mustBeThere } from '../system/registry.ts';
import type { InRegistry } from '../system/registry.ts';
import type { ReadyStack } from '../system/stack.ts';
import { contentOf, StackFile } from '../../config/stack-file.ts';
import type { EngineCall } from '../system/state.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';
import { listOf, recordsOf } from './update-list.ts';
import { findToChange, mustFind } from '../system/prepared-stack.ts';
import type { CommandContext } from '../system/environment.ts';
import { readState } from '../system/state.ts';
import { rollbackPlan } from './plan.ts';

/**
 * `rollback`: lists earlier updates, or goes back to one.
 * @param number The update to go back to, as the operator gave it; undefined to list them.
 */
export async function rollback(context: CommandContext, number: string | undefined): Promise<number> {
  if (number === undefined) {
    const { call } = await mustFind(context);
    process.stdout.write(listOf(recordsOf(await readState(call))));
    return 0;
  }
  const stack = await findToChange(context);
  const state = await stack.repairState({ builds: false });
  const { call, ready, lookUp } = stack;
  return rollBack({ call, ready, state, number, args: context.args, lookUp, say: context.say });
}

/** What {@link rollBack} needs. */
interface RollbackOptions {
  readonly call: EngineCall;
  readonly ready: ReadyStack;
  readonly state: ExportedState;
  /** The update to go back to, as the operator gave it. */
  readonly number: string;
  /** Options: `--yes`, and any of Pulumi's. */
  readonly args: readonly string[];
  /** Looks up an image in the registry. */
  readonly lookUp: (image: string) => Promise<InRegistry>;
  readonly say: (line: string) => void;
}

/**
 * Goes back to the config and image of a recorded update, by a new update that keeps the login in the cluster. Returns
 * Pulumi's exit code.
 * @throws CliError if there is no such record, or neither a terminal to ask nor `--yes`.
 * @throws ConfigError if the config of that update is no longer valid.
 */
async function rollBack({ call, ready, state, number, args, lookUp, say }: RollbackOptions): Promise<number> {
  const records = recordsOf(state);
  const isYes = (arg: string): boolean => arg === '--yes' || arg === '-y';
  const yes = args.some(isYes);
  const rest = args.filter((arg) => !isYes(arg));
  const { projectDir, engine, env } = call;
  const plan = rollbackPlan(number, records, contentOf(ready.committedFile), projectDir);
  await mustBeThere(plan.record.image, lookUp);
  say(`${plan.description}\n`);
  if (!yes) mustBeAsked('roll back');

  fs.writeFileSync(ready.configFile, hasSession(state) ? withSessionOfCluster(plan.content, projectDir) : plan.content);
  checkConfig(projectDir, ready.configFile);
  const run = (command: string, ...more: string[]): Promise<number> =>
    showEngine(
      engine,
      [command, '--stack', call.stack, '--config-file', ready.configFile, ...rest, ...more],
      projectDir,
      env,
    );
  if (!yes) {
    const exitCode = await run('preview');
    if (exitCode !== 0) return exitCode;
    if (!(await confirmed(`Roll back to update ${number}?`))) {
      say('Cancelled. The cluster was not changed.');
      return 1;
    }
  }
  // Written before the update, so that if this is interrupted, a plain `up` completes it.
  fs.writeFileSync(ready.committedFile, plan.content);
  const exitCode = await run('up', '--yes', '--skip-preview', '--message', `Back to update ${number}`);
  const file = path.basename(ready.committedFile);
  say(exitCode === 0 ? doneText(number, String(records[0]?.number), file) : failedText(number, file));
  return exitCode;
}

/** Whether the stack has the Secret with the session. */
function hasSession({ deployment }: ExportedState): boolean {
  return (deployment?.resources ?? []).some(
    ({ type, inputs }) =>
      type === 'kubernetes:core/v1:Secret' &&
      (inputs?.['metadata'] as { name?: string } | undefined)?.name === NAMES.sessionSecret,
  );
}

function withSessionOfCluster(content: string, projectDir: string): string {
  const file = new StackFile(content, projectDir);
  file.set('sessionFrom', 'cluster');
  return file.toString();
}

function doneText(number: string, before: string, file: string): string {
  const back = npmRun('rollback', before);
  const build = npmRunAll(['pulumi', 'config rm image'], 'up');
  return `
The config and image of update ${number} are deployed again. ${file} contains both, with the image pinned. Commit it:
otherwise an update from another checkout undoes the rollback. Next steps:
  ${back.padEnd(build.length)}   undoes this rollback
  ${build}   builds this checkout again, with the current config
`;
}

function failedText(number: string, file: string): string {
  return `
The rollback to update ${number} did not complete. ${file} contains its config. Run \`${npmRun('up')}\` to try again.
`;
}
