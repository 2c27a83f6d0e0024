import { contextOf } from '../../config/stack-file.ts';
import { helpOf, UsageError } from '../arguments/command-line.ts';
import type { CommandLine } from '../arguments/command-line.ts';
import { USAGES } from '../arguments/usages.ts';
import type { CommandContext } from '../system/environment.ts';
import { settingsOf } from '../system/prepared-stack.ts';
import { logInHere } from './local.ts';
import { logInPod } from './pod.ts';

/**
 * `npm run login -- [--pod [--context NAME]]`: logs in to Claude, on this machine for the pod, or in the pod. Returns 0.
 * @throws CliError if that fails.
 */
export async function logIn(command: CommandContext, line: CommandLine): Promise<number> {
  const context = line.value('context');
  if (line.has('pod')) return logInPod(command, context ?? contextOf(settingsOf(command)));
  if (context !== undefined) throw new UsageError(`Option '--context' needs --pod.\n\n${helpOf(USAGES.login)}`);
  return logInHere(command);
}
