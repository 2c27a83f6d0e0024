import { stringify } from 'yaml';

import { withoutSecrets } from '../pulumi-internals/secrets.ts';
import { NAMES } from '../names.ts';
import type { Recorded } from './record.ts';

/** kubectl and similar tools read YAML 1.1, where a plain `on` is true. */
const YAML = { version: '1.1', lineWidth: 0 } as const;

/** A resource as a row of the table and as a file. */
export interface Rendered {
  /** Its name in Pulumi, indented by its depth in the tree. */
  readonly tree: string;
  readonly type: string;
  /** Its name in the cluster, in Azure or in the registry; empty if it has none. */
  readonly name: string;
  /** Name of the file; undefined for a resource that only groups others. */
  readonly file: string | undefined;
  readonly content: string;
}

/** All resources in the order of the tree: parents first, siblings by name (the program registers them in no fixed order). */
export function render(resources: readonly Recorded[]): Rendered[] {
  const below = (parent: string | undefined, depth: number): Rendered[] =>
    resources
      .filter((resource) => resource.parent === parent && resource.name !== parent)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((resource) => [rendered(resource, depth), ...below(resource.name, depth + 1)]);
  return below(undefined, 0);
}

function rendered({ type, name, inputs }: Recorded, depth: number): Rendered {
  const tree = '  '.repeat(depth) + name;
  const kind = type.split(':').at(-1) ?? type;
  if (type.startsWith('claude-code-agent:')) return { tree, type: kind, name: '', file: undefined, content: '' };
  const plain = withoutSecrets(inputs) as Record<string, unknown>;
  const known = knownAs(plain);
  const isObject = type.startsWith('kubernetes:');
  return {
    tree,
    type: isObject ? kind : type,
    name: known,
    file: `${[kind.toLowerCase(), ...elsewhere(plain), isObject ? known : name].join('-')}.yaml`,
    content: (isObject ? '' : `# ${type}\n`) + stringify(plain, YAML),
  };
}

/** The namespace of an object that is in another one than most. */
function elsewhere(inputs: Readonly<Record<string, unknown>>): string[] {
  const { metadata } = inputs as { metadata?: { namespace?: unknown } };
  return metadata?.namespace === NAMES.gatewayNamespace ? [NAMES.gatewayNamespace] : [];
}

/** Inputs that name a resource: in the registry, and in Azure, where most resources also name their group. */
const NAME_INPUTS = [
  'imageName',
  'registryName',
  'agentPoolName',
  'workspaceName',
  'federatedIdentityCredentialResourceName',
];
const OTHER_NAME_INPUTS = ['dataCollectionRuleName', 'associationName', 'resourceName', 'name', 'resourceGroupName'];

function knownAs(inputs: Readonly<Record<string, unknown>>): string {
  const { metadata } = inputs as { metadata?: { name?: unknown } };
  const names = [metadata?.name, ...[...NAME_INPUTS, ...OTHER_NAME_INPUTS].map((key) => inputs[key])];
  return names.find((name) => typeof name === 'string') ?? '';
}

/** Rows in columns under a heading. */
export function table(rows: readonly Rendered[]): string {
  const cells = [
    ['RESOURCE', 'TYPE', 'NAME', 'FILE'],
    ...rows.map(({ tree, type, name, file }) => [tree, type, name, file ?? '']),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
