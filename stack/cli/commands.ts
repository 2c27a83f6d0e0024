import * as fs from 'node:fs';

import { SERVICE_URL, NAMES } from '../names.ts';
import { TOKEN_FILE } from '../token-file.ts';
import { checkAzureLogin } from './system/azure.ts';
import { mendStateFiles, removeStaleLocks } from './system/backend-folder.ts';
import type { FolderStack } from './system/backend-folder.ts';
import { checkConfig } from '../config/check.ts';
import type { CommandContext } from './context.ts';
import { kubectlOf } from './doctor/cluster.ts';
import type { Kubectl } from './doctor/cluster.ts';
import { findEngine, CliError, showEngine } from './system/engine.ts';
import { previewOfNew } from './preview-of-new.ts';
import { azureRegistryOf, lookUpImage, mustBeThere } from './system/registry.ts';
import type { InRegistry } from './system/registry.ts';
import { rollBack } from './rollback/rollback.ts';
import { contentOf, contextOf, StackFile, stackFileOf } from '../config/stack-file.ts';
import { findStack, makeFolders, prepareStack, withoutStack } from './system/stack.ts';
import type { ReadyStack } from './system/stack.ts';
import { readState, repairState } from './system/state.ts';
import type { EngineCall, ExportedState, RepairOptions } from './system/state.ts';
import { isDeployed, isEmpty, adoptCluster } from './adopt/adopt-cluster.ts';
import { listOf, recordsOf } from './rollback/update-list.ts';

/**
 * `up`: an update, after what earlier accidents left is mended. Returns Pulumi's exit code, as all of these do.
 * @throws CliError, ConfigError or StackFileError with what the operator has to do first, as all of these do.
 */
export async function up(context: CommandContext): Promise<number> {
  const { environment, args, say } = context;
  refuseMistakes(context);
  const stack = await prepareToChange(context);
  if (stack.pinned !== '') await mustBeThere(stack.pinned, stack.lookUp);
  const state = await stack.repairState({ builds: stack.pinned === '', lookUp: stack.lookUp });
  if (isEmpty(state) && (await stack.deployed())) {
    const { kubectl, ready } = stack;
    await adoptCluster(stack.call, state, {
      kubectl,
      configFile: ready.configFile,
      localDir: environment.localDir,
      say,
    });
  }
  const exitCode = await stack.pulumi('up');
  // Without the agent there is nothing to call yet.
  if (exitCode === 0 && !args.includes('--exclude')) say(howToCall());
  return exitCode;
}

/** `preview`: what {@link up} would do, for a stack that is not there too; makes none. */
export async function preview(context: CommandContext): Promise<number> {
  refuseMistakes(context);
  const { environment, stack, say } = context;
  const file = stackFileOf(environment.projectDir, stack);
  if (!fs.existsSync(file)) say(`There is no ${file}: this is a stack with every default.`);
  const found = await find(context);
  await checkAzureLogin(file);
  return found === undefined ? previewOfNew(context) : found.pulumi('preview');
}

/** `refresh`: takes into the state what the cluster has. */
export async function refresh(context: CommandContext): Promise<number> {
  const stack = await findToChange(context);
  await stack.repairState({ builds: stack.pinned === '' });
  return stack.pulumi('refresh');
}

/** `down`: removes everything. */
export async function down(context: CommandContext): Promise<number> {
  const stack = await findToChange(context);
  await stack.repairState({ builds: false });
  return stack.pulumi('destroy');
}

/**
 * `rollback`: lists earlier updates, or goes back to one.
 * @param number Of the update to go back to, as the operator gave it.
 */
export async function rollback(context: CommandContext, number: string | undefined): Promise<number> {
  if (number === undefined) {
    const { call } = await mustFind(context);
    process.stdout.write(listOf(recordsOf(await readState(call))));
    return 0;
  }
  const stack = await findToChange(context);
  const state = await stack.repairState({ builds: false });
  const { call, ready, lookUp } = stack;
  return rollBack({ call, ready, state, number, args: context.args, lookUp, say: context.say });
}

/** Refuses mistakes in the config, all at once and before anything is made. */
function refuseMistakes({ environment: { projectDir }, stack, args }: CommandContext): void {
  // What `--config` sets, only the engine reads.
  if (!args.some((arg) => /^(-c|--config)/.test(arg))) checkConfig(projectDir, stackFileOf(projectDir, stack));
}

/** A stack that is ready, and what is done with one. */
interface PreparedStack {
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
async function prepareToChange(context: CommandContext): Promise<PreparedStack> {
  await checkAzureLogin(stackFileOf(context.environment.projectDir, context.stack));
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
async function findToChange(context: CommandContext): Promise<PreparedStack> {
  const found = await find(context);
  await checkAzureLogin(stackFileOf(context.environment.projectDir, context.stack));
  const stack = found ?? (await refuseWithout(context));
  await stack.removeStaleLocks();
  return stack;
}

/** @throws CliError where there is no such stack, with those that there are. */
async function mustFind(context: CommandContext): Promise<PreparedStack> {
  return (await find(context)) ?? refuseWithout(context);
}

async function refuseWithout({ environment, stack }: CommandContext): Promise<never> {
  const engine = findEngine(environment.projectDir, environment.env);
  throw new CliError(await withoutStack(environment, engine, stack));
}

/** A stack that is there; makes none. */
async function find(context: CommandContext): Promise<PreparedStack | undefined> {
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
  const settings = new StackFile(contentOf(stackFileOf(projectDir, stack)), projectDir);
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

function howToCall(): string {
  return `
n8n calls   POST ${SERVICE_URL}/run
with        Authorization: Bearer (what is in ${TOKEN_FILE})

From this machine:
  kubectl -n ${NAMES.namespace} port-forward service/${NAMES.service} 3000:80
  curl -sS http://127.0.0.1:3000/run -H "Authorization: Bearer $(cat ${TOKEN_FILE})" -H 'Content-Type: application/json' -d '{"prompt": "Say hello."}'
`;
}
