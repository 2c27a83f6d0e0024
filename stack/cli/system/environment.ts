import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** What the command line knows of its environment. Paths are absolute. */
export interface CliEnvironment {
  /** Root of the repository. */
  readonly projectDir: string;
  /** `.local` below it: state, passphrase, token, session; not in git. */
  readonly localDir: string;
  /** Environment that the engine gets, before anything is added. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /**
   * Where the state is: in a folder that the command line makes, or in what the operator chose by PULUMI_BACKEND_URL, an
   * access token or `pulumi login`: a Pulumi service, which keeps the key of the secrets too, or plain storage.
   */
  readonly backend: 'local' | 'service' | 'storage';
  /** Folder of the state where it is in one, chosen or not. */
  readonly backendFolder: string | undefined;
  /** The operator gives the passphrase of the stack's secrets. */
  readonly ownPassphrase: boolean;
  /** By PULUMI_STACK. */
  readonly stack: string | undefined;
}

/** What each command of the command line is given. */
export interface CommandContext {
  readonly environment: CliEnvironment;
  /** As Pulumi.yaml names it. */
  readonly project: string;
  readonly stack: string;
  /** What the operator gave after the command. */
  readonly given: readonly string[];
  /** The options among that which are Pulumi's. */
  readonly args: readonly string[];
  /** Tells the operator something, on stderr. */
  readonly say: (line: string) => void;
}

/** Where the state is, for people. */
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

/** Its address; undefined where nothing was chosen. */
function chosenBackend(env: NodeJS.ProcessEnv): string | undefined {
  const chosen = [env['PULUMI_BACKEND_URL'], loggedInTo(env)].find(Boolean);
  return chosen ?? (env['PULUMI_ACCESS_TOKEN'] ? 'https://api.pulumi.com' : undefined);
}

/** `file://~` is the home folder. */
function folderOf(backendUrl: string): string | undefined {
  const [, folder] = /^file:\/\/([^?]+)/.exec(backendUrl) ?? [];
  return folder?.replace(/^~(?=$|\/)/, os.homedir());
}

/** `pulumi login` leaves the backend's address as `current` in a file of its home folder. */
function loggedInTo(env: NodeJS.ProcessEnv): string | undefined {
  const file = path.join(env['PULUMI_HOME'] ?? path.join(os.homedir(), '.pulumi'), 'credentials.json');
  if (!fs.existsSync(file)) return undefined;
  const credentials = JSON.parse(fs.readFileSync(file, 'utf8')) as { current?: unknown };
  return typeof credentials.current === 'string' ? credentials.current : undefined;
}
