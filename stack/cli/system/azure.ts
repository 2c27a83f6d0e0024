import { parse } from 'yaml';

import { checkOperator, OperatorError } from '../../azure/operator.ts';
import { CliError } from './terminal.ts';
import { contentOf } from '../../config/stack-file.ts';

/**
 * Sees that the operator is logged in to Azure, where the stack's target is that. The program sees to it itself, but
 * only after the engine's refresh, and `refresh` and `destroy` don't run the program.
 * @param configFile The stack's file, which need not be there.
 * @throws CliError with the commands that mend it.
 */
export async function checkAzureLogin(configFile: string): Promise<void> {
  const file = parse(contentOf(configFile)) as { config?: Record<string, unknown> } | null;
  const value = (key: string): unknown => file?.config?.[`claude-code-agent:${key}`];
  if (value('target') !== 'azure') return;
  try {
    await checkOperator(String(value('azureSubscription')));
  } catch (error) {
    if (error instanceof OperatorError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}
