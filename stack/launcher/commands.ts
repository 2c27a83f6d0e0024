import { SERVICE_URL, NAMES } from '../names.ts';
import { TOKEN_FILE } from '../token-file.ts';
import { checkAzureLogin } from './azure.ts';
import { mendStateFiles, removeStaleLocks } from './backend-folder.ts';
import type { FolderStack } from './backend-folder.ts';
import { checkConfig } from './config-check.ts';
import type { CommandContext } from './context.ts';
import { kubectlOf } from './doctor/cluster.ts';
import type { Kubectl } from './doctor/cluster.ts';
import { findEngine, show } from './engine.ts';
import { azureRegistryOf, lookUpImage, mustBeThere } from './registry.ts';
import type { InRegistry } from './registry.ts';
import { goBack } from './rollback.ts';
import { contentOf, contextOf, StackFile, stackFileOf } from './stack-file.ts';
import { dropNeedlessSalt, prepareStack } from './stack.ts';
import type { ReadyStack } from './stack.ts';
import { readState, settle } from './state.ts';
import type { EngineCall, ExportedState, SettleOptions } from './state.ts';
import { isDeployed, isEmpty, takeOver } from './take-over.ts';
import { listOf, recordsOf } from './update-list.ts';

/**
 * `up`: an update, after what earlier accidents left is mended. Returns Pulumi's exit code, as all of these do.
 * @throws LauncherError, ConfigError or StackFileError with what the operator has to do first, as all of these do.
 */
export async function up(context: CommandContext): Promise<number> {
  const { surroundings, args, say } = context;
  refuseMistakes(context);
  const stack = await prepareToChange(context);
  if (stack.pinned !== '') await mustBeThere(stack.pinned, stack.lookUp);
  const state = await stack.settle({ builds: stack.pinned === '', lookUp: stack.lookUp });
  if (isEmpty(state) && (await stack.deployed())) {
    const { kubectl, ready } = stack;
    await takeOver(stack.call, state, { kubectl, configFile: ready.configFile, localDir: surroundings.localDir, say });
  }
  const exitCode = await stack.pulumi('up');
  // Without the agent there is nothing to call yet.
  if (exitCode === 0 && !args.includes('--exclude')) say(howToCall());
  return exitCode;
}

/** `preview`: what {@link up} would do. */
export async function preview(context: CommandContext): Promise<number> {
  refuseMistakes(context);
  const stack = await prepare(context);
  await checkAzureLogin(stack.ready.configFile);
  return stack.pulumi('preview');
}

/** `refresh`: takes into the state what the cluster has. */
export async function refresh(context: CommandContext): Promise<number> {
  const stack = await prepareToChange(context);
  await stack.settle({ builds: stack.pinned === '' });
  return stack.pulumi('refresh');
}

/** `down`: removes everything. */
export async function down(context: CommandContext): Promise<number> {
  const stack = await prepareToChange(context);
  await stack.settle({ builds: false });
  return stack.pulumi('destroy');
}

/** `rollback`: lists earlier updates, or goes back to the one whose number comes first. */
export async function rollback(context: CommandContext): Promise<number> {
  const [number, ...args] = context.args;
  if (number === undefined || number.startsWith('-')) {
    const { call } = await prepare(context);
    process.stdout.write(listOf(recordsOf(await readState(call))));
    return 0;
  }
  const stack = await prepareToChange(context);
  const state = await stack.settle({ builds: false });
  const { call, ready, lookUp } = stack;
  return goBack({ call, ready, state, number, args, lookUp, say: context.say });
}

/**
 * `pulumi`: any command of Pulumi on the stack.
 * @param args As the operator gave them, `--stack` included.
 */
export async function pulumi(context: CommandContext, args: readonly string[]): Promise<number> {
  const { call, ready } = await prepare(context);
  const env = { ...ready.env, PULUMI_STACK: context.stack };
  const exitCode = await show(call.engine, args, call.projectDir, env);
  dropNeedlessSalt(ready.committedFile);
  return exitCode;
}

/** Refuses mistakes in the config, all at once and before anything is made. */
function refuseMistakes({ surroundings: { projectDir }, stack, args }: CommandContext): void {
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
  readonly settle: (options: Pick<SettleOptions, 'builds' | 'lookUp'>) => Promise<ExportedState>;
  /** Runs a command of Pulumi with the operator's arguments. */
  readonly pulumi: (command: string) => Promise<number>;
}

/** {@link prepare}, for a command that is about to change something. */
async function prepareToChange(context: CommandContext): Promise<PreparedStack> {
  const stack = await prepare(context);
  await checkAzureLogin(stack.ready.configFile);
  await stack.removeStaleLocks();
  return stack;
}

async function prepare({ surroundings, project, stack, args, say }: CommandContext): Promise<PreparedStack> {
  const { projectDir, localDir, env, backendFolder } = surroundings;
  const engine = findEngine(projectDir, env);
  const inFolder: FolderStack | undefined =
    backendFolder === undefined ? undefined : { folder: backendFolder, project, stack };
  if (inFolder !== undefined) mendStateFiles(inFolder, say);
  const settings = new StackFile(contentOf(stackFileOf(projectDir, stack)), projectDir);
  const kubectl = kubectlOf(contextOf(settings));
  // Which cluster of Azure's it is, only an update knows.
  const deployed = async (): Promise<boolean> => settings.get('target') !== 'azure' && (await isDeployed(kubectl));
  const ready = await prepareStack(surroundings, engine, stack, say, deployed);
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
    settle: (options) => settle(call, { ...options, localDir, say }),
    pulumi: (command) =>
      show(engine, [command, '--stack', stack, '--config-file', ready.configFile, ...args], projectDir, ready.env),
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
