import * as fs from 'node:fs';
import * as path from 'node:path';

import { nearest } from '../../nearest.ts';
import { npmRun } from '../../next-command.ts';
import { TOKEN_FILE } from '../../names.ts';
import { runEngine } from './engine.ts';
import { CliError } from './terminal.ts';
import type { Engine } from './engine.ts';
import { backendName } from './environment.ts';
import type { CliEnvironment } from './environment.ts';
import { privateFolder, randomSecretFile } from './local-files.ts';
import { contentOf, StackFile, stackFileOf, withoutNeedlessSalt } from '../../config/stack-file.ts';

/** A stack that is ready for a command. */
export interface ReadyStack {
  readonly env: NodeJS.ProcessEnv;
  /** A copy of the stack's committed file; Pulumi writes the salt of its secrets there, not into git's tree. */
  readonly configFile: string;
  /** The stack's file beside Pulumi.yaml, which need not be there. */
  readonly committedFile: string;
}

/**
 * Makes what is not there yet: backend, passphrase, stack, API token.
 * @param isDeployed Whether the cluster has the system, although the stack has nothing.
 */
export async function prepareStack(
  environment: CliEnvironment,
  engine: Engine,
  stack: string,
  say: (line: string) => void,
  isDeployed: () => Promise<boolean>,
): Promise<ReadyStack> {
  const { projectDir } = environment;
  makeFolders(environment);
  const env = engineEnvironment(environment);
  const stacks = await stacksIn(engine, projectDir, env);
  const resources = countIn(stacks, stack);
  if (resources === undefined)
    say(`There is no stack ${stack}${amongOthers(stacks)}: it is made, in ${backendName(environment)}.`);
  const ready = readyStack(environment, stack, env, resources === undefined, say);
  if (resources === undefined) {
    await initStack(engine, projectDir, env, stack, ready.committedFile);
  }
  const given = StackFile.at(ready.configFile, projectDir).isSet('agentToken');
  const hasFile = fs.existsSync(path.join(projectDir, TOKEN_FILE));
  // A system that is there has a token in use somewhere; a new one would lock its callers out.
  if (!resources && !given && !hasFile && !(await isDeployed())) {
    if (randomSecretFile(path.join(projectDir, TOKEN_FILE))) say(`Made an API token for the agent: ${TOKEN_FILE}.`);
  }
  return ready;
}

/**
 * The stack as {@link prepareStack} gives it, where it is there already; makes nothing.
 * @returns undefined where there is no such stack.
 * @throws CliError where the backend can't be reached, or the passphrase is gone.
 */
export async function findStack(
  environment: CliEnvironment,
  engine: Engine,
  stack: string,
): Promise<ReadyStack | undefined> {
  const env = engineEnvironment(environment);
  if (countIn(await knownStacks(environment, engine), stack) === undefined) return undefined;
  return readyStack(environment, stack, env, false, () => undefined);
}

/**
 * Why a command that makes no stack can't go on, and what can be done.
 * @throws CliError where the backend can't be reached.
 */
export async function withoutStack(environment: CliEnvironment, engine: Engine, stack: string): Promise<string> {
  const stacks = await knownStacks(environment, engine);
  const near = nearest(
    stack,
    stacks.map(({ name }) => name),
  );
  const hint = near === undefined ? '' : ` Did you mean --stack ${near}?`;
  return `There is no stack ${stack} in ${backendName(environment)}${amongOthers(stacks)}.${hint} To make it: ${npmRun('up')}`;
}

/**
 * The environment of the engine where it is to work without a stack.
 * @param makesPassphrase For the secrets of a stack that it is about to make.
 */
export function engineFor(
  environment: CliEnvironment,
  committedFile: string,
  makesPassphrase: boolean,
  say: (line: string) => void,
): NodeJS.ProcessEnv {
  const env = engineEnvironment(environment);
  const passphrase =
    makesPassphrase || fs.existsSync(path.join(environment.localDir, 'passphrase'))
      ? passphraseFile(environment, committedFile, makesPassphrase, say)
      : undefined;
  if (passphrase !== undefined) env['PULUMI_CONFIG_PASSPHRASE_FILE'] = passphrase;
  return env;
}

/** Makes the folders of the state and of what goes with it, where they are this machine's. */
export function makeFolders({ localDir, backend, backendFolder }: CliEnvironment): void {
  privateFolder(localDir);
  if (backend === 'local' && backendFolder !== undefined) privateFolder(backendFolder);
}

const amongOthers = (stacks: readonly KnownStack[]): string =>
  stacks.length === 0 ? '' : `; there is ${stacks.map(({ name }) => name).join(', ')}`;

function readyStack(
  environment: CliEnvironment,
  stack: string,
  env: NodeJS.ProcessEnv,
  isNew: boolean,
  say: (line: string) => void,
): ReadyStack {
  const { projectDir, localDir } = environment;
  const committedFile = stackFileOf(projectDir, stack);
  const config = contentOf(committedFile);
  const passphrase = passphraseFile(environment, committedFile, isNew, say);
  if (passphrase !== undefined) env['PULUMI_CONFIG_PASSPHRASE_FILE'] = passphrase;
  const configFile = path.join(localDir, path.basename(committedFile));
  fs.writeFileSync(configFile, config, { mode: 0o600 });
  return { env, configFile, committedFile };
}

/** What Pulumi's engine gets: the operator's environment, and where the state is. */
export function engineEnvironment({ env, backend, backendFolder }: CliEnvironment): NodeJS.ProcessEnv {
  return {
    ...env,
    // The salt of the secrets is in the state too; then the stack's file needs none.
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: 'true',
    ...(backend === 'local' && backendFolder !== undefined && { PULUMI_BACKEND_URL: `file://${backendFolder}` }),
  };
}

/** The file with the passphrase of the stack's secrets, made for a new stack; undefined where there needs to be none. */
function passphraseFile(
  { backend, localDir, projectDir, ownPassphrase }: CliEnvironment,
  committedFile: string,
  isNew: boolean,
  say: (line: string) => void,
): string | undefined {
  if (ownPassphrase || backend === 'service' || StackFile.at(committedFile, projectDir).hasSecretsProvider)
    return undefined;
  const file = path.join(localDir, 'passphrase');
  if (fs.existsSync(file)) return file;
  if (!isNew) {
    throw new CliError(
      `${file} is not there, and with it the passphrase of the stack's secrets. Put it back, or give it in PULUMI_CONFIG_PASSPHRASE.`,
    );
  }
  randomSecretFile(file);
  say(`Made a passphrase for the stack's secrets: ${file}. Keep a copy: without it the state can't be read.`);
  return file;
}

/** {@link withoutNeedlessSalt}, in a file; one with nothing else goes. */
export function dropNeedlessSalt(committed: string): void {
  const content = contentOf(committed);
  const without = withoutNeedlessSalt(content);
  if (without === content) return;
  if (without === '') fs.rmSync(committed);
  else fs.writeFileSync(committed, without);
}

interface KnownStack {
  readonly name: string;
  readonly resourceCount?: number;
}

/** The stacks of the backend; none where its folder is not there yet. */
async function knownStacks(environment: CliEnvironment, engine: Engine): Promise<readonly KnownStack[]> {
  const { projectDir, backend, backendFolder } = environment;
  if (backend === 'local' && backendFolder !== undefined && !fs.existsSync(backendFolder)) return [];
  return stacksIn(engine, projectDir, engineEnvironment(environment));
}

async function stacksIn(engine: Engine, cwd: string, env: NodeJS.ProcessEnv): Promise<readonly KnownStack[]> {
  return JSON.parse(await runEngine(engine, ['stack', 'ls', '--json'], cwd, env)) as KnownStack[];
}

/** Resources in the stack; undefined where there is no such stack. */
function countIn(stacks: readonly KnownStack[], stack: string): number | undefined {
  const found = stacks.find(({ name }) => name === stack || name.endsWith(`/${stack}`));
  return found === undefined ? undefined : (found.resourceCount ?? 0);
}

/** `stack init` writes a salt into the committed file; what was in it comes back. */
async function initStack(
  engine: Engine,
  cwd: string,
  env: NodeJS.ProcessEnv,
  stack: string,
  committed: string,
): Promise<void> {
  const before = fs.existsSync(committed) ? fs.readFileSync(committed) : undefined;
  try {
    await runEngine(engine, ['stack', 'init', stack, '--no-select', '--non-interactive'], cwd, env);
  } finally {
    if (before !== undefined) fs.writeFileSync(committed, before);
    else fs.rmSync(committed, { force: true });
  }
}
