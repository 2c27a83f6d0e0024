import * as fs from 'node:fs';
import * as path from 'node:path';

import { runEngine } from './engine.ts';
import type { Engine } from './engine.ts';
import type { InRegistry } from './registry.ts';
import { idOf } from './resource-id.ts';

const IMAGE_TYPE = 'docker:index/image:Image';

/** A resource in an exported state, as far as the command line looks at it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Record<string, unknown>;
  readonly outputs?: Record<string, unknown>;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}

/** What `pulumi stack export` gives; fields that are not named here are kept. */
export interface ExportedState {
  readonly deployment?: {
    readonly resources?: readonly StateResource[] | null;
    readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[] | null;
  };
}

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

/**
 * Takes into the state what an update was making when it was killed: it may be there or not, the engine does not look,
 * and making it again would fail where it is. An update begins with a refresh, which drops what is not there.
 * @returns undefined where nothing was being made.
 */
export function withPending(state: ExportedState): { state: ExportedState; names: string[] } | undefined {
  const { deployment = {} } = state;
  const creating = (deployment.pending_operations ?? []).filter(({ type }) => type === 'creating');
  if (creating.length === 0) return undefined;
  const resources = deployment.resources ?? [];
  const known = new Set(resources.map(({ urn }) => urn));
  const azure = resources.find(({ type }) => type === 'pulumi:providers:azure-native')?.inputs;
  const subscription = azure?.['subscriptionId'] as string | undefined;
  const adopted = creating
    .map(({ resource }) => resource)
    .filter(({ urn }) => !known.has(urn))
    .flatMap((resource) => {
      const id = idOf(resource, subscription);
      if (id === undefined) return [];
      // The provider for Azure takes what it did not make itself for imported where there are no outputs.
      return [{ ...resource, id, outputs: resource.type.startsWith('kubernetes:') ? (resource.inputs ?? {}) : {} }];
    });
  return {
    state: { ...state, deployment: { ...deployment, resources: [...resources, ...adopted], pending_operations: [] } },
    names: creating.map(({ resource }) => resource.urn.split('::').at(-1) ?? resource.urn),
  };
}

/**
 * Takes out the image that was built. An update that builds none would ask Docker for it, which need not be there; and
 * the provider neither reads nor deletes an image.
 * @returns undefined where there is none.
 */
export function withoutImage(state: ExportedState): ExportedState | undefined {
  const { deployment = {} } = state;
  const resources = deployment.resources ?? [];
  const image = resources.find(({ type }) => type === IMAGE_TYPE)?.urn;
  if (image === undefined) return undefined;
  const others = (urns: readonly string[] = []): string[] => urns.filter((urn) => urn !== image);
  const kept = resources
    .filter(({ urn }) => urn !== image)
    .map((resource) => ({
      ...resource,
      dependencies: others(resource.dependencies),
      propertyDependencies: Object.fromEntries(
        Object.entries(resource.propertyDependencies ?? {}).map(([property, urns]) => [property, others(urns ?? [])]),
      ),
    }));
  return { ...state, deployment: { ...deployment, resources: kept } };
}
