import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** What the launcher knows of its surroundings. Paths are absolute. */
export interface Surroundings {
  /** Root of the repository. */
  readonly projectDir: string;
  /** `.local` below it: state, passphrase, token, session; not in git. */
  readonly localDir: string;
  /** Environment that the engine gets, before anything is added. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /**
   * Where the state is: in a folder that the launcher makes, or in what the operator chose by PULUMI_BACKEND_URL, an
   * access token or `pulumi login`: a Pulumi service, which keeps the key of the secrets too, or plain storage.
   */
  readonly backend: 'local' | 'service' | 'storage';
  /** The operator gives the passphrase of the stack's secrets. */
  readonly ownPassphrase: boolean;
  /** By PULUMI_STACK. */
  readonly stack: string | undefined;
}

/** Reads the environment; the only reader in the launcher. */
export function readSurroundings(env: NodeJS.ProcessEnv = process.env): Surroundings {
  const projectDir = path.resolve(import.meta.dirname, '..', '..');
  const given = (name: string): boolean => (env[name] ?? '') !== '';
  return {
    projectDir,
    localDir: path.join(projectDir, '.local'),
    env,
    backend: backendOf(env),
    ownPassphrase: given('PULUMI_CONFIG_PASSPHRASE') || given('PULUMI_CONFIG_PASSPHRASE_FILE'),
    stack: env['PULUMI_STACK'],
  };
}

function backendOf(env: NodeJS.ProcessEnv): Surroundings['backend'] {
  const chosen = [env['PULUMI_BACKEND_URL'], loggedInTo(env)].find(Boolean);
  if (chosen !== undefined) return /^https?:/.test(chosen) ? 'service' : 'storage';
  return env['PULUMI_ACCESS_TOKEN'] ? 'service' : 'local';
}

/** `pulumi login` leaves the backend's address as `current` in a file of its home folder. */
function loggedInTo(env: NodeJS.ProcessEnv): string | undefined {
  const file = path.join(env['PULUMI_HOME'] ?? path.join(os.homedir(), '.pulumi'), 'credentials.json');
  if (!fs.existsSync(file)) return undefined;
  const credentials = JSON.parse(fs.readFileSync(file, 'utf8')) as { current?: unknown };
  return typeof credentials.current === 'string' ? credentials.current : undefined;
}
