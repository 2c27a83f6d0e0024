import { execa } from 'execa';

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
    ask('az', 'account', 'get-access-token', '--subscription', subscription, '--query', 'expiresOn', '--output', 'tsv'),
    ask('kubelogin', '--version'),
  ]);
  const missing: string[] = [];
  if (az === NOT_FOUND)
    missing.push("Azure's CLI is not on the PATH. Install it: https://aka.ms/azure-cli, then `az login`.");
  else if (az !== undefined)
    missing.push(`Azure: run \`az login\` with access to subscription ${subscription}. az said: ${az}`);
  if (kubelogin === NOT_FOUND) missing.push('kubelogin is not on the PATH. Install it: `az aks install-cli`.');
  else if (kubelogin !== undefined)
    missing.push(`kubelogin does not run; install it anew: \`az aks install-cli\`. It said: ${kubelogin}`);
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
  const said = await ask('az', ...args);
  if (said === undefined) return;
  throw new OperatorError(
    `Docker could not log in to the registry ${registry}. See that \`az ${args.join(' ')}\` succeeds, then run \`up\` again; the push needs the role AcrPush. ${said === NOT_FOUND ? 'az is not on the PATH.' : `az said: ${said}`}`,
  );
}

const NOT_FOUND = Symbol('no such program');

/** What a program complained of; undefined where it succeeded. */
async function ask(program: string, ...args: string[]): Promise<string | typeof NOT_FOUND | undefined> {
  const { failed, code, stderr, shortMessage } = await execa(program, args, {
    reject: false,
    stdin: 'ignore',
    timeout: 60_000,
  });
  if (!failed) return undefined;
  if (code === 'ENOENT') return NOT_FOUND;
  const [said = ''] = stderr.trim().split('\n');
  return said === '' ? shortMessage : said;
}
