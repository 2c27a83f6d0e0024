import type { CommandContext } from './system/environment.ts';
import { findToChange } from './system/prepared-stack.ts';

/** `refresh`: takes into the state what the cluster has. */
export async function refresh(context: CommandContext): Promise<number> {
  const stack = await findToChange(context);
  await stack.repairState({ builds: stack.pinned === '' });
  return stack.pulumi('refresh');
}
