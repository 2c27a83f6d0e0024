import type { Made, StandIn } from './record.ts';

/** Stands in for every GUID. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
/** Without users, because nobody is logged in. */
const KUBECONFIG = 'apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n';

/** Made-up values for what only Azure knows about its resources. */
export const azureStandIn = {
  resource: (type, inputs) => made(kindOf(type), inputs),
  call: (token, inputs) => {
    const name = kindOf(token);
    if (name === 'listManagedClusterUserCredentials') {
      return { kubeconfigs: [{ name: 'planned', value: Buffer.from(KUBECONFIG).toString('base64') }] };
    }
    const { id, outputs } = made(name.replace(/^get/, ''), inputs);
    return { ...inputs, ...outputs, id };
  },
} satisfies StandIn;

const kindOf = (token: string): string => token.split(':').at(-1) ?? '';

function made(kind: string, inputs: Readonly<Record<string, unknown>>): Made {
  const name = nameOf(kind, inputs);
  const id = `/planned/${kind}/${name}`;
  switch (kind) {
    case 'Registry':
      return { id, outputs: { name, loginServer: `${name}.azurecr.io` } };
    case 'ManagedCluster':
      return {
        id,
        outputs: {
          name,
          oidcIssuerProfile: { enabled: true, issuerURL: 'https://oidc.example.org/planned/' },
          identityProfile: { kubeletidentity: { objectId: NOBODY } },
          // An existing cluster is not asked whether it has an engine.
          networkProfile: { networkPolicy: 'unknown', ...(inputs['networkProfile'] as object | undefined) },
        },
      };
    case 'UserAssignedIdentity':
      return { id, outputs: { name, clientId: NOBODY, principalId: NOBODY } };
    default:
      return { id, outputs: { name } };
  }
}

/** The input with a resource's name is named after its kind, or `resourceName`. */
function nameOf(kind: string, inputs: Readonly<Record<string, unknown>>): string {
  const keys = [`${kind.slice(0, 1).toLowerCase()}${kind.slice(1)}Name`, 'resourceName'];
  const name = keys.map((key) => inputs[key]).find((value) => typeof value === 'string');
  return typeof name === 'string' ? name : kind;
}
