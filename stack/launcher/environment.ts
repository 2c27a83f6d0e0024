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
  /** The operator chose a Pulumi backend: by PULUMI_BACKEND_URL, an access token, or `pulumi login`. */
  readonly ownBackend: boolean;
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
    ownBackend: given('PULUMI_BACKEND_URL') || given('PULUMI_ACCESS_TOKEN') || isLoggedIn(env),
    ownPassphrase: given('PULUMI_CONFIG_PASSPHRASE') || given('PULUMI_CONFIG_PASSPHRASE_FILE'),
    stack: env['PULUMI_STACK'],
  };
}

/** `pulumi login` leaves the backend's address as `current` in a file of its home folder. */
function isLoggedIn(env: NodeJS.ProcessEnv): boolean {
  const file = path.join(env['PULUMI_HOME'] ?? path.join(os.homedir(), '.pulumi'), 'credentials.json');
  if (!fs.existsSync(file)) return false;
  const credentials = JSON.parse(fs.readFileSync(file, 'utf8')) as { current?: unknown };
  return typeof credentials.current === 'string' && credentials.current !== '';
}
