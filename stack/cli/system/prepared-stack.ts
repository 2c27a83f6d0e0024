import { checkConfig } from '../../config/check.ts';
import { azureRegistryOf, contextOf, StackFile, stackFileOf } from '../../config/stack-file.ts';
import { checkAzureLogin } from './azure.ts';
import { repairStateFiles, removeStaleLocks } from './backend-folder.ts';
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

/** The settings of the command's stack. */
export const settingsOf = ({ environment: { projectDir }, stack }: CommandContext): StackFile =>
  StackFile.at(stackFileOf(projectDir, stack), projectDir);

/** Reports all errors in the config at once, before anything is created. @throws ConfigError */
export function refuseMistakes({ environment: { projectDir }, stack, args }: CommandContext): void {
  // Values set with `--config` are known only to the engine.
  if (!args.some((arg) => /^(-c|--config)/.test(arg))) checkConfig(projectDir, stackFileOf(projectDir, stack));
}

/** A stack that is ready, and the operations on it. */
export interface PreparedStack {
  readonly ready: ReadyStack;
  readonly call: EngineCall;
  readonly kubectl: Kubectl;
  /** The image that the config pins; empty if the stack builds one. */
  readonly pinned: string;
  /** Whether the system is deployed in the cluster, by this state or another. */
  readonly deployed: () => Promise<boolean>;
  readonly lookUp: (image: string) => Promise<InRegistry>;
  readonly removeStaleLocks: () => Promise<void>;
  /** Repairs what a killed update left in the state. Returns the state. */
  readonly repairState: (options: Pick<RepairOptions, 'builds' | 'lookUp'>) => Promise<ExportedState>;
  /** Runs a Pulumi command with the operator's arguments. */
  readonly pulumi: (command: string) => Promise<number>;
}

/** Prepares a stack for a change. Creates the stack if it does not exist. */
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

/** Like {@link mustFind}, for a command that changes the stack. */
export async function findToChange(context: CommandContext): Promise<PreparedStack> {
  const found = await find(context);
  await checkAzureLogin(settingsOf(context));
  const stack = found ?? (await refuseWithout(context));
  await stack.removeStaleLocks();
  return stack;
}

/** @throws CliError if the stack does not exist; the message lists the existing ones. */
export async function mustFind(context: CommandContext): Promise<PreparedStack> {
  return (await find(context)) ?? refuseWithout(context);
}

async function refuseWithout({ environment, stack }: CommandContext): Promise<never> {
  const engine = findEngine(environment.projectDir, environment.env);
  throw new CliError(await withoutStack(environment, engine, stack));
}

/** Finds a stack. Creates none. */
export async function find(context: CommandContext): Promise<PreparedStack | undefined> {
  const parts = partsOf(context);
  makeFolders(context.environment);
  const ready = await findStack(context.environment, parts.engine, context.stack);
  return ready && prepared(parts, context, ready);
}

/** What a command works with, whether or not the stack exists. */
type Parts = ReturnType<typeof partsOf>;

function partsOf({ environment, project, stack, say }: CommandContext) {
  const { projectDir, env, backendFolder } = environment;
  const inFolder: FolderStack | undefined =
    backendFolder === undefined ? undefined : { folder: backendFolder, project, stack };
  if (inFolder !== undefined) repairStateFiles(inFolder, say);
  const settings = StackFile.at(stackFileOf(projectDir, stack), projectDir);
  const kubectl = kubectlOf(contextOf(settings));
  // Only an update knows which cluster in Azure it is.
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
