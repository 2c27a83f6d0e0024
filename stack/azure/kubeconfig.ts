import { parse, stringify } from 'yaml';

interface Exec {
  command: string;
  args?: string[];
}
interface Kubeconfig {
  users: { name: string; user: { exec?: Exec } }[];
}

/**
 * Makes a kubeconfig use the operator's login to the Azure CLI. The kubeconfig from AKS asks for a device code, which nobody
 * can enter during an update. The same change as `kubelogin convert-kubeconfig --login azurecli`, but without the tenant,
 * because a login by managed identity accepts none.
 * @param kubeconfig As AKS returns it; users that don't log in with kubelogin stay unchanged.
 */
export function byAzureCli(kubeconfig: string): string {
  const config = parse(kubeconfig) as Kubeconfig;
  for (const { user } of config.users) {
    if (user.exec === undefined || !/kubelogin/i.test(user.exec.command)) continue;
    const args = user.exec.args ?? [];
    const serverId = args[args.indexOf('--server-id') + 1];
    if (!args.includes('--server-id') || serverId === undefined) {
      throw new Error(`The kubeconfig from AKS calls kubelogin without --server-id: ${args.join(' ')}`);
    }
    user.exec.args = ['get-token', '--login', 'azurecli', '--server-id', serverId];
  }
  return stringify(config);
}

/** The first kubeconfig in the answer of AKS, as text. @throws Error when there is none. */
export function firstKubeconfig(answer: readonly { readonly value: string }[]): string {
  const [first] = answer;
  if (first === undefined)
    throw new Error('AKS returned no credentials for the cluster. Run `az aks get-credentials` to see why.');
  return Buffer.from(first.value, 'base64').toString();
}
