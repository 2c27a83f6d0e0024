import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** The environment of the command line. Paths are absolute. */
export interface CliEnvironment {
  /** Root of the repository. */
  readonly projectDir: string;
  /** Its folder `.local`, which is not in git: state, passphrase, token, session. */
  readonly localDir: string;
  /** The operator's environment, before anything is added for the engine. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /**
   * Where the state is: in a folder that the command line creates, or where the operator chose with PULUMI_BACKEND_URL, an
   * access token or `pulumi login`. That is a Pulumi service, which also keeps the key of the secrets, or plain storage.
   */
  readonly backend: 'local' | 'service' | 'storage';
  /** The folder of the state; undefined if the state is not in a folder. */
  readonly backendFolder: string | undefined;
  /** Whether the operator provides the passphrase of the stack's secrets. */
  readonly ownPassphrase: boolean;
  /** The value of PULUMI_STACK. */
  readonly stack: string | undefined;
}

/** What each command receives. */
export interface CommandContext {
  readonly environment: CliEnvironment;
  /** The name in Pulumi.yaml. */
  readonly project: string;
  readonly stack: string;
  /** The operator's arguments after the command. */
  readonly given: readonly string[];
  /** Those of them that are options of Pulumi. */
  readonly args: readonly string[];
  /** Prints a line to stderr. */
  readonly say: (line: string) => void;
}

/** Where the state is, for messages. */
export const backendName = ({ backend, backendFolder }: CliEnvironment): string =>
  backendFolder ?? `Pulumi's ${backend}`;

/** Reads the environment; the only reader in the command line. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): CliEnvironment {
  const projectDir = path.resolve(import.meta.dirname, '..', '..', '..');
  const localDir = path.join(projectDir, '.local');
  const chosen = chosenBackend(env);
  const given = (name: string): boolean => (env[name] ?? '') !== '';
  return {
    projectDir,
    localDir,
    env,
    backend: chosen === undefined ? 'local' : /^https?:/.test(chosen) ? 'service' : 'storage',
    backendFolder: chosen === undefined ? path.join(localDir, 'pulumi') : folderOf(chosen),
    ownPassphrase: given('PULUMI_CONFIG_PASSPHRASE') || given('PULUMI_CONFIG_PASSPHRASE_FILE'),
    stack: given('PULUMI_STACK') ? env['PULUMI_STACK'] : undefined,
  };
}

/** The address of the backend that the operator chose, if any. */
function chosenBackend(env: NodeJS.ProcessEnv): string | undefined {
  const chosen = [env['PULUMI_BACKEND_URL'], loggedInTo(env)].find(Boolean);
  return chosen ?? (env['PULUMI_ACCESS_TOKEN'] ? 'https://api.pulumi.com' : undefined);
}

/** `file://~` is the home folder. */
function folderOf(backendUrl: string): string | undefined {
  const [, folder] = /^file:\/\/([^?]+)/.exec(backendUrl) ?? [];
  return folder?.replace(/^~(?=$|\/)/, os.homedir());
}

/** `pulumi login` writes the backend's address as `current` into a file in Pulumi's home folder. */
function loggedInTo(env: NodeJS.ProcessEnv): string | undefined {
  const file = path.join(env['PULUMI_HOME'] ?? path.join(os.homedir(), '.pulumi'), 'credentials.json');
  if (!fs.existsSync(file)) return undefined;
  const credentials = JSON.parse(fs.readFileSync(file, 'utf8')) as { current?: unknown };
  return typeof credentials.current === 'string' ? credentials.current : undefined;
}
