import * as fs from 'node:fs';
import * as path from 'node:path';

import { runEngine } from './engine.ts';
import type { Engine } from './engine.ts';
import type { InRegistry } from './registry.ts';
import { IMAGE_TYPE, withoutImage, withPending } from '../../pulumi-internals/state.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';

/** What the command line runs the engine with. */
export interface EngineCall {
  readonly engine: Engine;
  readonly projectDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stack: string;
}

/** The state of a stack, secrets encrypted. */
export async function readState({ engine, projectDir, env, stack }: EngineCall): Promise<ExportedState> {
  return JSON.parse(await runEngine(engine, ['stack', 'export', '--stack', stack], projectDir, env)) as ExportedState;
}

/** What {@link repairState} needs besides the engine. */
export interface RepairOptions {
  /** Whether the next update builds an image. */
  readonly builds: boolean;
  /** Looks up the last built image in the registry. If undefined, the image is assumed to exist. */
  readonly lookUp?: (image: string) => Promise<InRegistry>;
  /** Folder for a temporary file. */
  readonly localDir: string;
  readonly say: (line: string) => void;
}

/** Fixes what would make the next update fail; see {@link withPending} and {@link withoutImage}. Returns the state. */
export async function repairState(
  call: EngineCall,
  { builds, lookUp, localDir, say }: RepairOptions,
): Promise<ExportedState> {
  const exported = await readState(call);
  const pending = withPending(exported);
  if (pending !== undefined) {
    say(
      `The last update was interrupted while it created ${pending.names.join(', ')}. This update continues from there.`,
    );
  }
  const taken = pending?.state ?? exported;
  const keepsImage = builds && !(await isImageLost(taken, lookUp, say));
  const state = (keepsImage ? undefined : withoutImage(taken)) ?? taken;
  if (state !== exported) await writeState(call, state, localDir);
  return state;
}

/** The provider never checks the registry, so an update would keep an image that no longer exists. */
async function isImageLost(
  { deployment }: ExportedState,
  lookUp: RepairOptions['lookUp'],
  say: RepairOptions['say'],
): Promise<boolean> {
  const built = deployment?.resources?.find(({ type }) => type === IMAGE_TYPE)?.outputs?.['repoDigest'];
  if (typeof built !== 'string' || (await lookUp?.(built))?.image !== 'lost') return false;
  say(`The registry no longer has ${built}. It is built and pushed again.`);
  return true;
}

/** Replaces the state of the stack. */
export async function writeState(call: EngineCall, state: ExportedState, localDir: string): Promise<void> {
  const { engine, projectDir, env, stack } = call;
  const file = path.join(localDir, 'state.json');
  fs.writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
  try {
    await runEngine(engine, ['stack', 'import', '--stack', stack, '--file', file], projectDir, env);
  } finally {
    fs.rmSync(file);
  }
}
