/**
 * `npm run plan`: what `npm run up` would make, without Pulumi's engine, a cluster, a registry or Azure: a table of all
 * resources, and each as a YAML file. What only these would know is made up (a digest of zeros, the address 192.0.2.1),
 * and secrets are placeholders.
 * @module
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { asksForHelp, helpOf, readLine, UsageError } from '../cli/command-line.ts';
import type { Usage } from '../cli/command-line.ts';
import { fileConfig, readProject, StackFileError } from '../config/file.ts';
import { ConfigError } from '../config/reader.ts';
import { checkConfig } from '../config/check.ts';
import { readEnvironment } from '../cli/system/environment.ts';
import { suggestFor, USUAL_STACK } from '../next-command.ts';
import { SeedError } from '../session/files.ts';
import { refuseSwallowed } from '../cli/npm-options.ts';
import { FolderError, writeFiles } from './files.ts';
import { record } from './record.ts';
import { render, table } from './render.ts';
import { standIn } from './stand-ins.ts';

const projectDir = path.resolve(import.meta.dirname, '..', '..');

const USAGE: Usage = {
  command: 'npm run plan',
  summary:
    'Shows what `npm run up` would make, with no engine, cluster, registry or Azure: a table, and each resource as a YAML file.',
  options: {
    stack: { value: 'NAME', short: 's', help: 'The stack; without it the one that PULUMI_STACK names, else dev.' },
    'config-file': { value: 'FILE', help: "Another file than the stack's Pulumi.NAME.yaml." },
    out: { value: 'FOLDER', help: 'Where the YAML files go; without it .local/plan.' },
  },
};

try {
  const args = process.argv.slice(2);
  if (asksForHelp(args)) process.stdout.write(`${helpOf(USAGE)}\n`);
  else await plan(args);
} catch (error) {
  if (!isMistake(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function plan(args: readonly string[]): Promise<void> {
  const { env, stack: chosen = USUAL_STACK } = readEnvironment();
  refuseSwallowed(USAGE, args, env);
  const line = readLine(USAGE, args);
  const stack = line.value('stack') ?? chosen;
  suggestFor(stack, chosen);
  const project = readProject(projectDir);
  const given = line.value('config-file');
  const file = given ?? path.join(projectDir, `Pulumi.${stack}.yaml`);
  if (!fs.existsSync(file)) {
    if (given !== undefined) throw new StackFileError(`There is no file ${file}.`);
    process.stderr.write(`There is no ${file}: this is a stack with every default.\n`);
  }
  const folder = path.resolve(line.value('out') ?? path.join(projectDir, '.local', 'plan'));
  checkConfig(projectDir, file);
  const config = fileConfig(project, file);
  const { resources } = await record({ project: project.name, stack, config, standIn }, () => import('../index.ts'));
  const rows = render(resources);
  writeFiles(folder, rows);
  const objects = rows.filter(({ file }) => file !== undefined).length;
  process.stdout.write(`${table(rows)}\n\n${objects} resources of stack ${stack}, as YAML in ${folder}\n`);
}

/** What the operator can mend. */
function isMistake(error: unknown): error is Error {
  return [ConfigError, FolderError, SeedError, StackFileError, UsageError].some((kind) => error instanceof kind);
}
