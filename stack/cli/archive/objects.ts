import * as fs from 'node:fs';
import * as path from 'node:path';

import { stringify } from 'yaml';

import { NAMES } from '../../names.ts';
import { privateFolder } from '../system/local-files.ts';
import type { Kubectl } from '../system/kubectl.ts';

/** An object of the cluster. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly data?: Readonly<Record<string, string>>;
  readonly [part: string]: unknown;
}

/** Every kind of object that the namespace can have. */
const KINDS = [
  ...['deployments', 'replicasets', 'pods', 'services', 'cronjobs', 'jobs', 'secrets', 'configmaps'],
  ...['persistentvolumeclaims', 'serviceaccounts', 'roles', 'rolebindings', 'networkpolicies', 'resourcequotas'],
  ...['limitranges', 'endpointslices'],
];

/** Fields that the API server sets: an object that has them cannot be applied again. */
const SET_BY_SERVER = ['uid', 'resourceVersion', 'creationTimestamp', 'generation', 'managedFields', 'selfLink'];

/** Reads the namespace, its volumes and every object in it. Returns them, and a reason for each kind that cannot be read. */
export async function readObjects(kubectl: Kubectl): Promise<{ objects: KubeObject[]; failures: string[] }> {
  const objects: KubeObject[] = [];
  const failures: string[] = [];
  const namespace = await kubectl(['get', `namespace/${NAMES.namespace}`, '--output', 'json']);
  if ('failure' in namespace) return { objects, failures: [`objects: ${namespace.failure}`] };
  objects.push(JSON.parse(namespace.output) as KubeObject);
  const kinds = [...KINDS, 'persistentvolumes'];
  const answers = await Promise.all(kinds.map((kind) => kubectl(['get', kind, '--output', 'json'])));
  for (const [index, answer] of answers.entries()) {
    const kind = kinds[index] ?? '';
    if ('failure' in answer) {
      failures.push(`objects: ${kind}: ${answer.failure}`);
      continue;
    }
    const { items } = JSON.parse(answer.output) as { items: KubeObject[] };
    objects.push(...items.filter((item) => kind !== 'persistentvolumes' || isOurs(item)));
  }
  return { objects, failures };
}

/** Whether a volume belongs to a claim of the namespace. */
function isOurs({ spec }: KubeObject): boolean {
  return (spec as { claimRef?: { namespace?: string } }).claimRef?.namespace === NAMES.namespace;
}

/** Writes each object to a file that `kubectl apply` accepts. */
export function writeObjects(folder: string, objects: readonly KubeObject[]): void {
  for (const object of objects) {
    const below = privateFolder(path.join(folder, object.kind.toLowerCase()));
    const name = object.metadata.name.replaceAll(/[^\w.-]/g, '_');
    fs.writeFileSync(path.join(below, `${name}.yaml`), stringify(cleaned(object), YAML), { mode: 0o600 });
  }
}

/** kubectl reads YAML 1.1, in which a plain `on` is true. */
const YAML = { version: '1.1', lineWidth: 0 } as const;

/** The object without the fields that its API server set. */
function cleaned(object: KubeObject): KubeObject {
  const metadata = Object.entries(object.metadata).filter(([field]) => !SET_BY_SERVER.includes(field));
  return { ...object, metadata: { ...Object.fromEntries(metadata), name: object.metadata.name } };
}

/** The agent's image, by digest. */
export function imageOf(objects: readonly KubeObject[]): string | undefined {
  const found = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === NAMES.deployment);
  const spec = found?.['spec'] as { template: { spec: { containers: { image: string }[] } } } | undefined;
  return spec?.template.spec.containers[0]?.image;
}
