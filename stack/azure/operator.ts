import { run } from '../exec.ts';
import type { RunFailure } from '../exec.ts';

/** The operator must first log in or install something; the message has the commands. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/**
 * Checks the tools that an update needs: the Azure CLI with a login to the subscription, from which every other login
 * follows, and kubelogin, with which kubectl and Pulumi log in to a cluster with Entra.
 * @throws OperatorError with everything that is missing and the commands that fix it.
 */
export async function checkOperator(subscription: string): Promise<void> {
  const [az, kubelogin] = await Promise.all([
    failureOf(
      'az',
      'account',
      'get-access-token',
      '--subscription',
      subscription,
      '--query',
      'expiresOn',
      '--output',
      'tsv',
    ),
    failureOf('kubelogin', '--version'),
  ]);
  const missing: string[] = [];
  if (az?.missing === true)
    missing.push('The Azure CLI is not on the PATH. Install it (https://aka.ms/azure-cli), then run `az login`.');
  else if (az !== undefined)
    missing.push(
      `The Azure CLI has no access to subscription ${subscription}. Run \`az login\`. az printed: ${az.failure}`,
    );
  if (kubelogin?.missing === true) missing.push('kubelogin is not on the PATH. Install it: `az aks install-cli`.');
  else if (kubelogin !== undefined)
    missing.push(`kubelogin does not run. Reinstall it: \`az aks install-cli\`. It printed: ${kubelogin.failure}`);
  if (missing.length === 0) return;
  throw new OperatorError(
    `Target azure is missing prerequisites; nothing was changed:\n${missing.map((line) => `  - ${line}`).join('\n')}`,
  );
}

/**
 * Logs Docker in to a registry for three hours, with the operator's login to Azure. The token is stored only in Docker's own
 * credential store, from which the push reads it.
 * @throws OperatorError when Azure or Docker rejects the login.
 */
export async function loginToRegistry(registry: string, subscription: string): Promise<void> {
  const args = ['acr', 'login', '--name', registry, '--subscription', subscription];
  const failed = await failureOf('az', ...args);
  if (failed === undefined) return;
  throw new OperatorError(
    `Docker could not log in to the registry ${registry}. Make \`az ${args.join(' ')}\` succeed, then run \`up\` again; the push needs the role AcrPush. ${failed.missing ? `${failed.failure}.` : `az printed: ${failed.failure}`}`,
  );
}

const TIMEOUT_MS = 60_000;

/** Why a program failed; undefined where it succeeded. */
async function failureOf(program: string, ...args: string[]): Promise<RunFailure | undefined> {
  const attempt = await run(program, args, { timeoutMs: TIMEOUT_MS });
  return 'failure' in attempt ? attempt : undefined;
}
