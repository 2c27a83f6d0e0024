import { checkConfig } from '../../config/check.ts';
import { azureRegistryOf, contextOf, StackFile, stackFileOf } from '../../config/stack-file.ts';
import { checkAzureLogin } from './azure.ts';
import { mendStateFiles, removeStaleLocks } from './backend-folder.ts';
import type { FolderStack } from '../../pulumi-internals/file-backend.ts';
import { findEngine, showEngine } from './engine.ts';
import type { CommandContext } from './environment.ts';
import { isDeployed, kubectlOf } from './kubectl.ts';
import type { Kubectl } from './kubectl.ts';
import { lookUpImage } from './registry.ts';
import type { InRegistry } from './registry.ts';
import { findStack, makeFolders, prepareStack, withoutStack } from './stack.ts';
import type { ReadyStack } from './stack.ts';
import { repairState } from './state.ts';
import type { EngineCall, RepairOptions } from './state.ts';
import type { ExportedState } from '../../pulumi-internals/state.ts';
import { CliError } from './terminal.ts';

/** The settings of the stack that a command is for. */
export const settingsOf = ({ environment: { projectDir }, stack }: CommandContext): StackFile =>
  StackFile.at(stackFileOf(projectDir, stack), projectDir);

/** Refuses mistakes in the config, all at once and before anything is made. */
export function refuseMistakes({ environment: { projectDir }, stack, args }: CommandContext): void {
  // What `--config` sets, only the engine reads.
  if (!args.some((arg) => /^(-c|--config)/.test(arg))) checkConfig(projectDir, stackFileOf(projectDir, stack));
}

/** A stack that is ready, and what is done with one. */
export interface PreparedStack {
  readonly ready: ReadyStack;
  readonly call: EngineCall;
  readonly kubectl: Kubectl;
  /** The image that the config pins; empty where it builds. */
  readonly pinned: string;
  /** Whether the cluster has the system, made by whatever state. */
  readonly deployed: () => Promise<boolean>;
  readonly lookUp: (image: string) => Promise<InRegistry>;
  readonly removeStaleLocks: () => Promise<void>;
  /** Takes what a killed update left out of the state, and returns it. */
  readonly repairState: (options: Pick<RepairOptions, 'builds' | 'lookUp'>) => Promise<ExportedState>;
  /** Runs a command of Pulumi with the operator's arguments. */
  readonly pulumi: (command: string) => Promise<number>;
}

/** Gets a stack ready that is about to be changed, and makes it where there is none. */
export async function prepareToChange(context: CommandContext): Promise<PreparedStack> {
  await checkAzureLogin(settingsOf(context));
  const parts = partsOf(context);
  const { environment, stack, say } = context;
  const stackToChange = prepared(
    parts,
    context,
    await prepareStack(environment, parts.engine, stack, say, parts.deployed),
  );
  await stackToChange.removeStaleLocks();
  return stackToChange;
}

/** {@link mustFind}, for a command that is about to change something. */
export async function findToChange(context: CommandContext): Promise<PreparedStack> {
  const found = await find(context);
  await checkAzureLogin(settingsOf(context));
  const stack = found ?? (await refuseWithout(context));
  await stack.removeStaleLocks();
  return stack;
}

/** @throws CliError where there is no such stack, with those that there are. */
export async function mustFind(context: CommandContext): Promise<PreparedStack> {
  return (await find(context)) ?? refuseWithout(context);
}

async function refuseWithout({ environment, stack }: CommandContext): Promise<never> {
  const engine = findEngine(environment.projectDir, environment.env);
  throw new CliError(await withoutStack(environment, engine, stack));
}

/** A stack that is there; makes none. */
export async function find(context: CommandContext): Promise<PreparedStack | undefined> {
  const parts = partsOf(context);
  makeFolders(context.environment);
  const ready = await findStack(context.environment, parts.engine, context.stack);
  return ready && prepared(parts, context, ready);
}

/** What a command works with, whether the stack is there or not. */
type Parts = ReturnType<typeof partsOf>;

function partsOf({ environment, project, stack, say }: CommandContext) {
  const { projectDir, env, backendFolder } = environment;
  const inFolder: FolderStack | undefined =
    backendFolder === undefined ? undefined : { folder: backendFolder, project, stack };
  if (inFolder !== undefined) mendStateFiles(inFolder, say);
  const settings = StackFile.at(stackFileOf(projectDir, stack), projectDir);
  const kubectl = kubectlOf(contextOf(settings));
  // Which cluster of Azure's it is, only an update knows.
  const deployed = async (): Promise<boolean> => settings.get('target') !== 'azure' && (await isDeployed(kubectl));
  return { engine: findEngine(projectDir, env), inFolder, settings, kubectl, deployed };
}

function prepared(
  { engine, inFolder, settings, kubectl, deployed }: Parts,
  { environment: { projectDir, localDir }, stack, args, say }: CommandContext,
  ready: ReadyStack,
): PreparedStack {
  const call = { engine, projectDir, env: ready.env, stack };
  return {
    ready,
    call,
    kubectl,
    pinned: settings.get('image') ?? '',
    deployed,
    lookUp: (image) => lookUpImage(image, azureRegistryOf(settings)),
    removeStaleLocks: async () => {
      if (inFolder !== undefined) await removeStaleLocks(inFolder, say);
    },
    repairState: (options) => repairState(call, { ...options, localDir, say }),
    pulumi: (command) =>
      showEngine(
        engine,
        [command, '--stack', stack, '--config-file', ready.configFile, ...args],
        projectDir,
        ready.env,
      ),
  };
}
