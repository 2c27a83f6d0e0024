import path from 'node:path';

import { format, resolveConfig } from 'prettier';

import { openApiDocument } from '../../agent/http/api/document.ts';
import packageJson from '../../package.json' with { type: 'json' };

const FILE = 'docs/openapi.json';

/** The OpenAPI document, from the agent's schemas. */
export async function openApiFile(): Promise<Record<string, string>> {
  const filepath = path.resolve(import.meta.dirname, '../..', FILE);
  const json = JSON.stringify(openApiDocument(packageJson.version));
  return { [FILE]: await format(json, { ...(await resolveConfig(filepath)), filepath }) };
}
