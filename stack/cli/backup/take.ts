import * as fs from 'node:fs';
import * as path from 'node:path';

import { NAMES } from '../../names.ts';
import { kubectlOf } from '../system/kubectl.ts';
import { runEngine, findEngine } from '../system/engine.ts';
import { CliError } from '../system/terminal.ts';
import { backendName } from '../system/environment.ts';
import type { CliEnvironment } from '../system/environment.ts';
import { privateFolder } from '../system/local-files.ts';
import { contentOf, contextOf, StackFile, stackFileOf } from '../../config/stack-file.ts';
import { findStack } from '../system/stack.ts';
import { LOCAL, takeLocal } from '../archive/local.ts';
import { PLACES } from '../archive/manifest.ts';
import { imageOf, readObjects, writeObjects } from '../archive/objects.ts';
import { takeVolume } from './volume.ts';

/** The parts of a backup that were taken, and a sentence for each that is missing. */
export interface Taken {
  readonly contents: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
  readonly versions?: Readonly<Record<string, string>>;
}

/**
 * Takes every available part into a folder, and lists the others.
 * @param megabytes Limit for conversations.
 */
export async function takeAll(
  environment: CliEnvironment,
  stack: string,
  inside: string,
  megabytes: number,
): Promise<Taken[]> {
  const { projectDir } = environment;
  const stackFile = stackFileOf(projectDir, stack);
  const configText = contentOf(stackFile);
  const context = contextOf(new StackFile(configText, projectDir));
  const at = (place: string): string => path.join(inside, place);
  const missing = takeLocal(environment, configText, at(PLACES.local));
  const local = fs.readdirSync(at(PLACES.local)).map((name) => NAMED[name] ?? name);
  if (configText !== '') {
    fs.writeFileSync(path.join(privateFolder(at(PLACES.stackFile)), path.basename(stackFile)), configText, {
      mode: 0o600,
    });
  }
  const files = [...local, ...(configText === '' ? [] : [path.basename(stackFile)])].join(', ');
  const others = await Promise.all([
    takeState(environment, stack, at(PLACES.state)),
    takeObjects(context, at(PLACES.objects)),
    takeFromVolume(context, megabytes, at(PLACES.volume)),
  ]);
  return [{ contents: { local: files }, missing }, ...others];
}

const NAMED: Readonly<Record<string, string>> = {
  [LOCAL.passphrase]: 'passphrase of the state',
  [LOCAL.token]: 'API token',
  [LOCAL.earlierToken]: 'earlier API token',
  [LOCAL.session]: 'login of npm run login',
};

async function takeState(environment: CliEnvironment, stack: string, file: string): Promise<Taken> {
  const { projectDir, env } = environment;
  try {
    const engine = findEngine(projectDir, env);
    const ready = await findStack(environment, engine, stack);
    if (ready === undefined)
      return { contents: {}, missing: [`state: there is no stack ${stack} in ${backendName(environment)}`] };
    const state = await runEngine(engine, ['stack', 'export', '--stack', stack], projectDir, ready.env);
    const { deployment } = JSON.parse(state) as { deployment?: { resources?: unknown[] } };
    const count = deployment?.resources?.length ?? 0;
    if (count === 0) return { contents: {}, missing: [`state: the stack ${stack} is empty`] };
    fs.writeFileSync(file, state, { mode: 0o600 });
    const pulumi = (await runEngine(engine, ['version'], projectDir, env)).trim();
    return { contents: { state: `${count} resources` }, missing: [], versions: { pulumi } };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { contents: {}, missing: [`state: ${error.message.trim()}`] };
  }
}

async function takeObjects(context: string, folder: string): Promise<Taken> {
  const { objects, failures } = await readObjects(kubectlOf(context));
  if (objects.length === 0) return { contents: {}, missing: failures };
  writeObjects(folder, objects);
  const image = imageOf(objects);
  return {
    contents: { objects: `${objects.length} in the namespace ${NAMES.namespace}` },
    missing: failures,
    ...(image !== undefined && { versions: { image } }),
  };
}

async function takeFromVolume(context: string, megabytes: number, folder: string): Promise<Taken> {
  const report = await takeVolume(context, megabytes, folder);
  if (typeof report === 'string') {
    fs.rmSync(folder, { recursive: true, force: true });
    return { contents: {}, missing: [`volume (run records, login, conversations): ${report}`] };
  }
  const { records, conversations, files } = report;
  const { taken, omitted, omittedBytes } = conversations;
  return {
    contents: {
      ...(typeof records === 'string'
        ? {}
        : { records: `${records.runs} runs, ${records.unfinished} of them unfinished` }),
      conversations: String(taken),
      ...(files && { files: `${files.count}, ${Math.ceil(files.bytes / 1_048_576)} MB` }),
    },
    missing: [
      ...(typeof records === 'string' ? [`run records: ${records}`] : []),
      ...(omitted === 0
        ? []
        : [
            `conversations: the ${omitted} oldest, of ${Math.ceil(omittedBytes / 1_048_576)} MB, exceed the limit of ${megabytes} MB; --conversations changes it`,
          ]),
    ],
  };
}
