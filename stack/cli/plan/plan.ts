import * as fs from 'node:fs';
import * as path from 'node:path';

import { checkConfig } from '../../config/check.ts';
import type { SECRETS } from '../../config/secrets.ts';
import { StackFile, StackFileError, stackFileOf } from '../../config/stack-file.ts';
import { record } from '../../plan/record.ts';
import { render, table } from '../../plan/render.ts';
import { standIn } from '../../plan/stand-ins.ts';
import type { CommandLine } from '../arguments/command-line.ts';
import type { CommandContext } from '../system/environment.ts';
import { writeFiles } from './files.ts';

/** Secrets that reach every prompt. */
const FOR_PROMPTS = ['mcpServers', 'claudeSettings'] as const satisfies readonly (keyof typeof SECRETS)[];

/**
 * `plan`: shows what `up` would create, as a table of all resources and a YAML file for each. Needs no Pulumi engine,
 * cluster, registry or Azure: values that only these know are made up (a digest of zeros, the address 192.0.2.1), and secrets
 * are placeholders. Returns 0.
 * @throws StackFileError if a given config file does not exist, and CliError if the folder is not writable.
 */
export async function plan({ environment, project, stack, say }: CommandContext, line: CommandLine): Promise<number> {
  const { projectDir, localDir } = environment;
  const given = line.value('config-file');
  const file = given ?? stackFileOf(projectDir, stack);
  if (!fs.existsSync(file)) {
    if (given !== undefined) throw new StackFileError(`${file} does not exist.`);
    say(`${file} does not exist: using the default for every key.`);
  }
  const folder = path.resolve(line.value('out') ?? path.join(localDir, 'plan'));
  checkConfig(projectDir, file);
  const config = StackFile.at(file, projectDir).values();
  const forPrompts = FOR_PROMPTS.filter((key) => config[`${project}:${key}`] !== undefined);
  if (forPrompts.length > 0) {
    say(
      `Every prompt can read ${forPrompts.join(' and ')}, on a runner too, because claude needs them. Give the keys in them no more rights than a prompt may have: SECURITY.md.`,
    );
  }
  const { resources } = await record({ project, stack, config, standIn }, () => import('../../index.ts'));
  const rows = render(resources);
  writeFiles(folder, rows);
  const objects = rows.filter(({ file }) => file !== undefined).length;
  process.stdout.write(`${table(rows)}\n\n${objects} resources of stack ${stack}, as YAML in ${folder}\n`);
  return 0;
}
