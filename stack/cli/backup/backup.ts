import * as fs from 'node:fs';
import * as path from 'node:path';

import packageJson from '../../../package.json' with { type: 'json' };
import { helpOf, readLine, UsageError } from '../arguments/command-line.ts';
import { npmRun } from '../../next-command.ts';
import type { CommandContext } from '../system/environment.ts';
import { CliError } from '../system/terminal.ts';
import { privateFolder, stampOf } from '../system/local-files.ts';
import { USAGES } from '../arguments/usages.ts';
import { folderIn, pack, removeScratches, withScratch } from '../archive/archive.ts';
import { filesOf, FORMAT, PLACES } from '../archive/manifest.ts';
import type { Manifest } from '../archive/manifest.ts';
import { takeAll } from './take.ts';

/** Exit code of an incomplete backup. The output lists what is missing. */
const INCOMPLETE = 2;

const CONVERSATION_MEGABYTES = 1024;

/**
 * `npm run backup -- [FILE] [--conversations MEGABYTES]`: writes the whole system into one file. Changes nothing.
 * @returns 0, or {@link INCOMPLETE}.
 * @throws CliError when there is nothing to back up, or the file can't be written.
 */
export async function backup({ environment, project, stack, given: args, say }: CommandContext): Promise<number> {
  const { given, conversationMegabytes } = argumentsOf(args);
  const folder = privateFolder(path.join(environment.localDir, 'backups'));
  await removeScratches(folder);
  const now = new Date();
  const file = path.resolve(given ?? path.join(folder, `${project}-${stack}-${stampOf(now)}.tar.gz`));
  if (fs.existsSync(file)) throw new CliError(`${file} already exists. Choose another file name.`);
  await removeScratches(path.dirname(file));
  // In the same folder, so that the finished file can be renamed atomically.
  return withScratch(privateFolder(path.dirname(file)), async (scratch) => {
    const inside = folderIn(scratch);
    const parts = await takeAll(environment, stack, inside, conversationMegabytes);
    const missing = parts.flatMap((part) => part.missing);
    const contents = Object.assign({}, ...parts.map((part) => part.contents)) as Record<string, string>;
    if (contents['state'] === undefined && contents['objects'] === undefined) {
      throw new CliError(['There is nothing to back up:', ...missing].join('\n  '));
    }
    const versions = Object.assign(
      { agent: packageJson.version, node: process.version },
      ...parts.map((part) => part.versions),
    ) as Record<string, string>;
    const manifest: Manifest = {
      format: FORMAT,
      project,
      stack,
      createdAt: now.toISOString(),
      versions,
      contents,
      missing,
      files: filesOf(inside),
    };
    fs.writeFileSync(path.join(inside, PLACES.manifest), `${JSON.stringify(manifest, undefined, 2)}\n`, {
      mode: 0o600,
    });
    await pack(scratch, file);
    say(summaryOf(file, manifest));
    return missing.length === 0 ? 0 : INCOMPLETE;
  });
}

function argumentsOf(args: readonly string[]): { given: string | undefined; conversationMegabytes: number } {
  const line = readLine(USAGES.backup, args);
  const megabytes = line.value('conversations') ?? String(CONVERSATION_MEGABYTES);
  if (!/^\d{1,9}$/.test(megabytes)) {
    throw new UsageError(
      `--conversations '${megabytes}' must be a whole number of megabytes.\n\n${helpOf(USAGES.backup)}`,
    );
  }
  return { given: line.positionals[0], conversationMegabytes: Number(megabytes) };
}

function summaryOf(file: string, { contents, missing, files }: Manifest): string {
  const rows = Object.entries(contents).map(([part, what]) => `  ${part.padEnd(13)} ${what}`);
  const lacks = missing.length === 0 ? [] : ['', 'Missing:', ...missing.map((line) => `  ${line}`)];
  const precious = `
Anyone with this file has the whole system: the login, the API token, the passphrase and the state. Store it where you store
passwords, and not only on this machine. To restore it: ${npmRun('restore', file)}`;
  const megabytes = (fs.statSync(file).size / 1_048_576).toFixed(1);
  return [`${file} (${megabytes} MB, ${Object.keys(files).length} files)`, ...rows, ...lacks, precious].join('\n');
}
