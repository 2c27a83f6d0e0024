import { parse, stringify } from 'yaml';

/** The id of AKS in every Entra tenant. */
export const AKS_SERVER_ID = '6dae42f8-4368-4678-94ff-3960e28e3630';

/** A kubeconfig like that of AKS for a cluster with Entra: its user logs in with kubelogin and a device code. */
export function entraKubeconfig(kubeconfig: string): string {
  const config = parse(kubeconfig) as { users: { name: string; user: unknown }[] };
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1beta1',
    command: 'kubelogin',
    args: [
      ...['get-token', '--environment', 'AzurePublicCloud', '--server-id', AKS_SERVER_ID],
      ...['--client-id', '80faf920-1908-4b52-b5ef-a8e7bedfc67a', '--tenant-id', 'tenant', '--login', 'devicecode'],
    ],
    installHint: 'kubelogin is not installed.',
    provideClusterInfo: false,
  };
  return stringify({ ...config, users: config.users.map(({ name }) => ({ name, user: { exec } })) });
}
