/**
 * `npm run plan`: what `npm run up` would make, without Pulumi's engine, a cluster, a registry or Azure: a table of all
 * resources, and each as a YAML file. What only these would know is made up (a digest of zeros, the address 192.0.2.1),
 * and secrets are placeholders.
 * @module
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';

import { fileConfig, readProject, StackFileError } from '../config-file.ts';
import { ConfigError } from '../config-reader.ts';
import { SeedError } from '../seed-files.ts';
import { writeFiles } from './files.ts';
import { record } from './record.ts';
import { render, table } from './render.ts';
import { standIn } from './stand-ins.ts';

const projectDir = path.resolve(import.meta.dirname, '..', '..');

try {
  await plan();
} catch (error) {
  if (!isMistake(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function plan(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stack: { type: 'string', short: 's', default: 'dev' },
      'config-file': { type: 'string' },
      out: { type: 'string' },
    },
  });
  const project = readProject(projectDir);
  const file = values['config-file'] ?? path.join(projectDir, `Pulumi.${values.stack}.yaml`);
  if (!fs.existsSync(file)) {
    if (values['config-file'] !== undefined) throw new StackFileError(`There is no file ${file}.`);
    process.stderr.write(`There is no ${file}: this is a stack with every default.\n`);
  }
  const config = fileConfig(project, file);
  const { resources } = await record(
    { project: project.name, stack: values.stack, config, standIn },
    () => import('../index.ts'),
  );
  const rows = render(resources);
  const folder = path.resolve(values.out ?? path.join(projectDir, '.local', 'plan'));
  writeFiles(folder, rows);
  const objects = rows.filter(({ file }) => file !== undefined).length;
  process.stdout.write(`${table(rows)}\n\n${objects} resources of stack ${values.stack}, as YAML in ${folder}\n`);
}

/** What the operator can mend; `parseArgs` says which option it does not know. */
function isMistake(error: unknown): error is Error {
  const known = [ConfigError, SeedError, StackFileError].some((kind) => error instanceof kind);
  return known || (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
}
