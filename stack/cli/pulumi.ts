import * as fs from 'node:fs';

import { asksForHelp } from './arguments/command-line.ts';
import { repairStateFiles } from './system/backend-folder.ts';
import type { CommandContext } from './system/environment.ts';
import { findEngine, showEngine } from './system/engine.ts';
import { CliError } from './system/terminal.ts';
import { stackFileOf } from '../config/stack-file.ts';
import { dropNeedlessSalt, engineFor, findStack, makeFolders, prepareStack, withoutStack } from './system/stack.ts';

/** Whether the arguments ask for Pulumi's own help, as in `config set --help`, which needs no stack. */
export const asksPulumiForHelp = (args: readonly string[]): boolean =>
  asksForHelp(args) && args.some((arg) => !arg.startsWith('-'));

/** The value of `--stack` or `-s`, if given, and the arguments without it. */
export function stackOption(args: readonly string[]): { stack?: string; rest: readonly string[] } {
  for (const [at, arg] of args.entries()) {
    const next = args[at + 1];
    if ((arg === '--stack' || arg === '-s') && next !== undefined) return { stack: next, rest: args.toSpliced(at, 2) };
    if (arg.startsWith('--stack=')) return { stack: arg.slice('--stack='.length), rest: args.toSpliced(at, 1) };
  }
  return { rest: args };
}

/** Whether a Pulumi command needs an existing stack. */
const needsStack = (word: string, act: string): boolean =>
  word === 'stack'
    ? !['init', 'ls', 'select'].includes(act)
    : /^(cancel|config|console|destroy|dn|down|history|import|logs|pre|preview|refresh|state|up|update|watch)$/.test(
        word,
      );

/**
 * `npm run pulumi -- …`: runs any Pulumi command on the stack, with the arguments unchanged. Creates no stack, with one
 * exception: `config` needs one to encrypt values, so it creates the stack if the stack's file exists.
 * @throws CliError if the command needs a stack that does not exist.
 */
export async function pulumi({ environment, project, stack, given, say }: CommandContext): Promise<number> {
  const { projectDir, env, backendFolder } = environment;
  const engine = findEngine(projectDir, env);
  const committedFile = stackFileOf(projectDir, stack);
  if (given.length === 0 || asksPulumiForHelp(given)) return showEngine(engine, given, projectDir, { ...env });
  if (backendFolder !== undefined) repairStateFiles({ folder: backendFolder, project, stack }, say);
  makeFolders(environment);
  const [word = '', act = ''] = stackOption(given).rest.filter((arg) => !arg.startsWith('-'));
  const ready = await findStack(environment, engine, stack);
  const makes = ready === undefined && word === 'config' && act !== '' && fs.existsSync(committedFile);
  // On a terminal, Pulumi itself would offer to create it.
  if (ready === undefined && !makes && needsStack(word, act))
    throw new CliError(await withoutStack(environment, engine, stack));
  const engineEnv =
    ready?.env ??
    (makes
      ? (await prepareStack(environment, engine, stack, say, () => Promise.resolve(true))).env
      : engineFor(environment, committedFile, act === 'init', say));
  const exitCode = await showEngine(engine, given, projectDir, { ...engineEnv, PULUMI_STACK: stack });
  dropNeedlessSalt(committedFile);
  return exitCode;
}
