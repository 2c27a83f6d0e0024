import { checkOperator, OperatorError } from '../../azure/operator.ts';
import type { StackFile } from '../../config/stack-file.ts';
import { CliError } from './terminal.ts';

/**
 * Checks that the operator is logged in to Azure if that is the stack's target. The program checks this too, but only after
 * the engine's refresh, and `refresh` and `destroy` do not run the program.
 * @throws CliError with the commands that fix it.
 */
export async function checkAzureLogin(settings: StackFile): Promise<void> {
  if (settings.get('target') !== 'azure') return;
  try {
    await checkOperator(settings.get('azureSubscription') ?? '');
  } catch (error) {
    if (error instanceof OperatorError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}
