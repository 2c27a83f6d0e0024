import type { CommandContext } from './system/environment.ts';
import { findToChange } from './system/prepared-stack.ts';

/** `refresh`: updates the state from the cluster. */
export async function refresh(context: CommandContext): Promise<number> {
  const stack = await findToChange(context);
  await stack.repairState({ builds: stack.pinned === '' });
  return stack.pulumi('refresh');
}
