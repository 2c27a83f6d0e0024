import * as fs from 'node:fs';
import * as path from 'node:path';

import { checkConfig } from '../../config/check.ts';
import type { CommandContext } from '../system/environment.ts';
import { findEngine } from '../system/engine.ts';
import { CliError } from '../system/terminal.ts';
import type { Engine } from '../system/engine.ts';
import { contentOf, contextOf, StackFile, stackFileOf } from '../../config/stack-file.ts';
import { unpack } from '../archive/archive.ts';
import { checkedManifest, PLACES } from '../archive/manifest.ts';
import type { Manifest } from '../archive/manifest.ts';
import { withConfig } from './options.ts';
import type { RestoreOptions } from './options.ts';

/** What a restore needs from the command line. */
export interface RestoreContext extends CommandContext {
  /** Runs `npm run up` on the stack with these arguments. Returns its exit code. */
  readonly up: (...args: string[]) => Promise<number>;
}

/** A checked backup, and how it is going to be restored. */
export interface Plan extends RestoreContext {
  readonly options: RestoreOptions;
  /** Where the backup is unpacked. */
  readonly folder: string;
  readonly scratch: string;
  readonly manifest: Manifest;
  readonly engine: Engine;
  /** The stack file after the restore. */
  readonly stackFileContent: string;
  /** Of the kubeconfig; empty for the current one. */
  readonly context: string;
  /** Whether the restore fills the agent's volume. */
  readonly fillsVolume: boolean;
}

/** Unpacks and checks a backup; changes nothing. @throws CliError, or ConfigError for an invalid stack file. */
export async function planOf(given: RestoreContext, options: RestoreOptions, scratch: string): Promise<Plan> {
  const { environment, project, stack } = given;
  const { projectDir, env } = environment;
  const folder = await unpack(path.resolve(options.file), scratch);
  const manifest = checkedManifest(folder, options.file, project, stack);
  const fillsVolume = options.parts.includes('volume') && fs.existsSync(path.join(folder, PLACES.volume));
  if (!options.parts.includes('state') && !fillsVolume) {
    throw new CliError(`${options.file} has nothing of the volume: ${manifest.missing.join('; ')}`);
  }
  const own = stackFileOf(projectDir, stack);
  const backedUp = path.join(folder, PLACES.stackFile, path.basename(own));
  const source = options.parts.includes('state') && fs.existsSync(backedUp) ? backedUp : own;
  const stackFileContent = withConfig(contentOf(source), options.config, projectDir);
  const candidate = path.join(scratch, path.basename(own));
  fs.writeFileSync(candidate, stackFileContent, { mode: 0o600 });
  checkConfig(projectDir, candidate);
  const engine = findEngine(projectDir, env);
  const context = contextOf(new StackFile(stackFileContent, projectDir));
  return { ...given, options, folder, scratch, manifest, engine, stackFileContent, context, fillsVolume };
}

/** The text that the operator confirms. */
export function descriptionOf({ options, manifest, context, stackFileContent, environment }: Plan): string {
  const { contents, createdAt, missing } = manifest;
  const registry = new StackFile(stackFileContent, environment.projectDir).get('registry') ?? '';
  const rows = Object.entries(contents).map(([part, what]) => `  ${part.padEnd(13)} ${what}`);
  return [
    `Restore ${options.parts.join(' and ')} of ${createdAt}, from a backup that has`,
    ...rows,
    ...(missing.length === 0 ? [] : ['without', ...missing.map((line) => `  ${line}`)]),
    `into the cluster of ${context === '' ? "kubectl's current context" : `the context ${context}`}${registry === '' ? '' : `, with images in ${registry}`}.`,
    'The system that the backup was taken from must no longer be running: both would use the same login and log each other out.',
  ].join('\n');
}
