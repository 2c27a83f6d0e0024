import { run } from '../exec.ts';
import type { RunFailure } from '../exec.ts';

/** The operator must log in or install something first; the message has the commands. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/**
 * Sees that the operator's tools can do what an update needs: Azure's CLI, logged in to the subscription, from which
 * every other login follows, and kubelogin, by which kubectl and Pulumi log in to a cluster with Entra.
 * @throws OperatorError with everything that is missing and the commands that mend it.
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
    missing.push("Azure's CLI is not on the PATH. Install it: https://aka.ms/azure-cli, then `az login`.");
  else if (az !== undefined)
    missing.push(`Azure: run \`az login\` with access to subscription ${subscription}. az said: ${az.failure}`);
  if (kubelogin?.missing === true) missing.push('kubelogin is not on the PATH. Install it: `az aks install-cli`.');
  else if (kubelogin !== undefined)
    missing.push(`kubelogin does not run; install it anew: \`az aks install-cli\`. It said: ${kubelogin.failure}`);
  if (missing.length === 0) return;
  throw new OperatorError(
    `The target azure needs this first; nothing has been touched:\n${missing.map((line) => `  - ${line}`).join('\n')}`,
  );
}

/**
 * Logs Docker in to a registry, for three hours, by the operator's login to Azure. The token goes into Docker's own
 * credential store, from which the push takes it, and nowhere else.
 * @throws OperatorError when Azure or Docker refuse.
 */
export async function loginToRegistry(registry: string, subscription: string): Promise<void> {
  const args = ['acr', 'login', '--name', registry, '--subscription', subscription];
  const failed = await failureOf('az', ...args);
  if (failed === undefined) return;
  throw new OperatorError(
    `Docker could not log in to the registry ${registry}. See that \`az ${args.join(' ')}\` succeeds, then run \`up\` again; the push needs the role AcrPush. ${failed.missing ? `${failed.failure}.` : `az said: ${failed.failure}`}`,
  );
}

const TIMEOUT_MS = 60_000;

/** Why a program failed; undefined where it succeeded. */
async function failureOf(program: string, ...args: string[]): Promise<RunFailure | undefined> {
  const attempt = await run(program, args, { timeoutMs: TIMEOUT_MS });
  return 'failure' in attempt ? attempt : undefined;
}
