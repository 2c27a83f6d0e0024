import type { Checkout } from '../e2e/checkout.ts';

interface Exported {
  readonly deployment: { readonly resources: { type: string; inputs: Record<string, unknown>; external?: boolean }[] };
}

/** The key that marks a secret in an exported state; `plaintext` is JSON. */
const SECRET = '4dabf18193072939515e22adb298388d';

/** The objects that a stack has in the cluster, as a list for `kubectl apply`, in an order in which they can be created. */
export async function objectsOf(checkout: Checkout): Promise<string> {
  const exported = await checkout.pulumi('stack', 'export', '--show-secrets', '--stack', 'dev');
  const { resources } = (JSON.parse(exported) as Exported).deployment;
  const items = resources
    // External resources are only read; the stack did not create them.
    .filter(({ type, external }) => type.startsWith('kubernetes:') && external !== true)
    .map(({ inputs }) => revealed(inputs) as { kind: string })
    .sort((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

function revealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== 'object' || value === null) return value;
  if (SECRET in value && 'plaintext' in value) return JSON.parse(String(value.plaintext)) as unknown;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revealed(inner)]));
}
