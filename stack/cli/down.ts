import type { CommandContext } from './system/environment.ts';
import { findToChange } from './system/prepared-stack.ts';

/** `down`: deletes everything in the stack. */
export async function down(context: CommandContext): Promise<number> {
  const stack = await findToChange(context);
  await stack.repairState({ builds: false });
  return stack.pulumi('destroy');
}
