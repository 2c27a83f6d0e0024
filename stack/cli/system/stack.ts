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
  /** A copy of the stack's committed file. Pulumi writes the salt of its secrets into the copy, so git sees no change. */
  readonly configFile: string;
  /** The stack's file beside Pulumi.yaml, which is optional. */
  readonly committedFile: string;
}

/**
 * Creates what is missing: backend, passphrase, stack, API token.
 * @param isDeployed Whether the system is deployed in the cluster although the stack is empty.
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
    say(`The stack ${stack} does not exist${amongOthers(stacks)}. Creating it in ${backendName(environment)}.`);
  const ready = readyStack(environment, stack, env, resources === undefined, say);
  if (resources === undefined) {
    await initStack(engine, projectDir, env, stack, ready.committedFile);
  }
  const given = StackFile.at(ready.configFile, projectDir).isSet('agentToken');
  const hasFile = fs.existsSync(path.join(projectDir, TOKEN_FILE));
  // Callers use the token of a deployed system; a new token would lock them out.
  if (!resources && !given && !hasFile && !(await isDeployed())) {
    if (randomSecretFile(path.join(projectDir, TOKEN_FILE))) say(`Created an API token for the agent: ${TOKEN_FILE}.`);
  }
  return ready;
}

/**
 * Like {@link prepareStack} for an existing stack. Creates nothing.
 * @returns undefined if the stack does not exist.
 * @throws CliError if the backend can't be reached or the passphrase is missing.
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
 * Why a command that needs an existing stack can't continue, and what to do.
 * @throws CliError if the backend can't be reached.
 */
export async function withoutStack(environment: CliEnvironment, engine: Engine, stack: string): Promise<string> {
  const stacks = await knownStacks(environment, engine);
  const near = nearest(
    stack,
    stacks.map(({ name }) => name),
  );
  const hint = near === undefined ? '' : ` Did you mean --stack ${near}?`;
  return `The stack ${stack} does not exist in ${backendName(environment)}${amongOthers(stacks)}.${hint} To create it: ${npmRun('up')}`;
}

/**
 * The environment of the engine for a command without a stack.
 * @param makesPassphrase Whether to create a passphrase for the secrets of a stack that is about to be created.
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

/** Creates the local folders of the state. */
export function makeFolders({ localDir, backend, backendFolder }: CliEnvironment): void {
  privateFolder(localDir);
  if (backend === 'local' && backendFolder !== undefined) privateFolder(backendFolder);
}

const amongOthers = (stacks: readonly KnownStack[]): string =>
  stacks.length === 0 ? '' : ` (existing: ${stacks.map(({ name }) => name).join(', ')})`;

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

/** The environment of the engine: that of the operator, and where the state is. */
export function engineEnvironment({ env, backend, backendFolder }: CliEnvironment): NodeJS.ProcessEnv {
  return {
    ...env,
    // The state contains the salt of the secrets too, so the stack's file needs none.
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: 'true',
    ...(backend === 'local' && backendFolder !== undefined && { PULUMI_BACKEND_URL: `file://${backendFolder}` }),
  };
}

/** The file with the passphrase of the stack's secrets, created for a new stack. Undefined if none is needed. */
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
      `${file} is missing. It contains the passphrase of the stack's secrets. Restore it, or set PULUMI_CONFIG_PASSPHRASE.`,
    );
  }
  randomSecretFile(file);
  say(`Created a passphrase for the stack's secrets: ${file}. Keep a copy: without it, the state can't be read.`);
  return file;
}

/** Applies {@link withoutNeedlessSalt} to a file. Removes the file if nothing else is in it. */
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

/** The stacks of the backend; none if its folder does not exist yet. */
async function knownStacks(environment: CliEnvironment, engine: Engine): Promise<readonly KnownStack[]> {
  const { projectDir, backend, backendFolder } = environment;
  if (backend === 'local' && backendFolder !== undefined && !fs.existsSync(backendFolder)) return [];
  return stacksIn(engine, projectDir, engineEnvironment(environment));
}

async function stacksIn(engine: Engine, cwd: string, env: NodeJS.ProcessEnv): Promise<readonly KnownStack[]> {
  return JSON.parse(await runEngine(engine, ['stack', 'ls', '--json'], cwd, env)) as KnownStack[];
}

/** The number of resources in the stack; undefined if the stack does not exist. */
function countIn(stacks: readonly KnownStack[], stack: string): number | undefined {
  const found = stacks.find(({ name }) => name === stack || name.endsWith(`/${stack}`));
  return found === undefined ? undefined : (found.resourceCount ?? 0);
}

/** `stack init` writes a salt into the committed file, which is then restored. */
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
