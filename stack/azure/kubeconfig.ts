import { parse, stringify } from 'yaml';

interface Exec {
  command: string;
  args?: string[];
}
interface Kubeconfig {
  users: { name: string; user: { exec?: Exec } }[];
}

/**
 * Lets the operator's login to Azure's CLI open the cluster: AKS gives a kubeconfig that asks for a device code, which
 * nobody answers during an update. The same change as `kubelogin convert-kubeconfig --login azurecli`; it leaves the
 * tenant out, since a login by managed identity takes none.
 * @param kubeconfig As AKS gives it; users that don't log in by kubelogin stay as they are.
 */
export function byAzureCli(kubeconfig: string): string {
  const config = parse(kubeconfig) as Kubeconfig;
  for (const { user } of config.users) {
    if (user.exec === undefined || !/kubelogin/i.test(user.exec.command)) continue;
    const args = user.exec.args ?? [];
    const serverId = args[args.indexOf('--server-id') + 1];
    if (!args.includes('--server-id') || serverId === undefined) {
      throw new Error(`The kubeconfig that AKS gave calls kubelogin without --server-id: ${args.join(' ')}`);
    }
    user.exec.args = ['get-token', '--login', 'azurecli', '--server-id', serverId];
  }
  return stringify(config);
}

/** The first of the kubeconfigs in AKS's answer, as text. @throws Error when there is none. */
export function firstKubeconfig(answer: readonly { readonly value: string }[]): string {
  const [first] = answer;
  if (first === undefined)
    throw new Error('AKS gave no credentials for the cluster: `az aks get-credentials` may say more.');
  return Buffer.from(first.value, 'base64').toString();
}
