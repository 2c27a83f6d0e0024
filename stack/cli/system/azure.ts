import { checkOperator, OperatorError } from '../../azure/operator.ts';
import type { StackFile } from '../../config/stack-file.ts';
import { CliError } from './terminal.ts';

/**
 * Sees that the operator is logged in to Azure, where the stack's target is that. The program sees to it itself, but
 * only after the engine's refresh, and `refresh` and `destroy` don't run the program.
 * @throws CliError with the commands that mend it.
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
