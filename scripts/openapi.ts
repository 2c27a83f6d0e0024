/**
 * Writes `docs/openapi.json`, or with `--check` fails where it is not what the agent's schemas say.
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { openApiDocument } from '../agent/http/api/document.ts';
import packageJson from '../package.json' with { type: 'json' };
import { commandLine } from './command.ts';

const line = commandLine({
  command: 'npm run openapi',
  summary: "Writes docs/openapi.json from the agent's schemas.",
  options: { check: { help: 'Only says whether it is up to date.' } },
});

const file = path.join(import.meta.dirname, '..', 'docs', 'openapi.json');
const options = { ...(await resolveConfig(file)), filepath: file };
const text = await format(JSON.stringify(openApiDocument(packageJson.version)), options);

if (!line.has('check')) {
  writeFileSync(file, text);
} else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  process.stderr.write("docs/openapi.json is not what the agent's schemas say. `npm run openapi` writes it anew.\n");
  process.exitCode = 1;
}
