import { mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

interface Definition {
  readonly properties?: object;
  additionalProperties?: unknown;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}
interface OpenApi {
  readonly definitions: Record<string, Definition>;
}

/** Numbers or names of ports, which the document calls texts. */
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

/**
 * Writes a JSON Schema a kind from an API server's OpenAPI document (v2), named as kubeconform asks for them. A property
 * that the server does not know is an error, not ignored.
 * @returns What kubeconform takes as `-schema-location`.
 */
export function writeSchemas(document: string, folder: string, kinds: ReadonlySet<string>): string {
  const { definitions } = JSON.parse(document) as OpenApi;
  for (const definition of Object.values(definitions)) {
    if (definition.properties !== undefined) definition.additionalProperties ??= false;
  }
  Object.assign(definitions, { [INT_OR_STRING]: { oneOf: [{ type: 'string' }, { type: 'integer' }] } });
  mkdirSync(folder, { recursive: true });
  for (const [name, definition] of Object.entries(definitions)) {
    for (const { group, version, kind } of definition['x-kubernetes-group-version-kind'] ?? []) {
      if (!kinds.has(kind)) continue;
      const suffix = [group.split('.')[0], version].filter(Boolean).join('-');
      const schema = { $ref: `#/definitions/${name}`, definitions };
      writeFileSync(path.join(folder, `${kind.toLowerCase()}-${suffix}.json`), JSON.stringify(schema));
    }
  }
  return path.join(folder, '{{ .ResourceKind }}{{ .KindSuffix }}.json');
}
