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
  /** Whether the update to come builds an image. */
  readonly builds: boolean;
  /** Asks the registry for the image that was built last; without it that is taken to be there. */
  readonly lookUp?: (image: string) => Promise<InRegistry>;
  /** For a file that is gone when this ends. */
  readonly localDir: string;
  readonly say: (line: string) => void;
}

/** Puts right what would keep an update from running: {@link withPending}, {@link withoutImage}. Returns the state. */
export async function repairState(
  call: EngineCall,
  { builds, lookUp, localDir, say }: RepairOptions,
): Promise<ExportedState> {
  const exported = await readState(call);
  const pending = withPending(exported);
  if (pending !== undefined) {
    say(`The last update was cut off while making ${pending.names.join(', ')}; this one goes on from there.`);
  }
  const taken = pending?.state ?? exported;
  const keepsImage = builds && !(await isImageLost(taken, lookUp, say));
  const state = (keepsImage ? undefined : withoutImage(taken)) ?? taken;
  if (state !== exported) await writeState(call, state, localDir);
  return state;
}

/** The provider never asks the registry, so that an update would go on from an image that nobody has. */
async function isImageLost(
  { deployment }: ExportedState,
  lookUp: RepairOptions['lookUp'],
  say: RepairOptions['say'],
): Promise<boolean> {
  const built = deployment?.resources?.find(({ type }) => type === IMAGE_TYPE)?.outputs?.['repoDigest'];
  if (typeof built !== 'string' || (await lookUp?.(built))?.image !== 'lost') return false;
  say(`The registry has no ${built} any more: it is built and pushed again.`);
  return true;
}

/** Makes a state the stack's. */
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
