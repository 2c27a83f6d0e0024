import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

import { CREDENTIALS_FILE } from '../../../agent/contract.ts';
import { run, show } from '../../exec.ts';
import { npmRun } from '../../next-command.ts';
import { checkCredentials } from '../../session/credentials.ts';
import { OWN_SESSION } from '../../session/seed.ts';
import type { CommandContext } from '../system/environment.ts';
import { CliError } from '../system/terminal.ts';
import { privateFolder } from '../system/local-files.ts';

/** Logs in to Claude for the pod, on this machine. Returns 0. @throws CliError if that fails. */
export async function logInHere({ environment: { projectDir, env }, say }: CommandContext): Promise<number> {
  const folder = path.join(projectDir, OWN_SESSION);
  const claude = env['AGENT_CLAUDE_PATH'] ?? path.join(projectDir, 'node_modules', '.bin', 'claude');
  say(`Logged in: ${await login({ folder, claude, env, platform: process.platform })}. Next: ${npmRun('up')}`);
  return 0;
}

/** What {@link login} needs. */
export interface LoginOptions {
  /** Folder of the new login; only logging in changes it. */
  readonly folder: string;
  /** The pinned CLI. */
  readonly claude: string;
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly platform: NodeJS.Platform;
}

/**
 * Logs in to Claude for the pod, on the operator's terminal. The login has its own folder, so that nothing else on this
 * machine renews it and thereby logs the pod out.
 * @returns The file with the login.
 * @throws CliError if the CLI fails or writes no login.
 */
export async function login({ folder, claude, env, platform }: LoginOptions): Promise<string> {
  privateFolder(folder);
  const ended = await show(claude, ['auth', 'login'], {
    // Each of these credentials would take precedence over the login.
    env: {
      ...env,
      CLAUDE_CONFIG_DIR: folder,
      DISABLE_AUTOUPDATER: '1',
      ANTHROPIC_API_KEY: undefined,
      ANTHROPIC_AUTH_TOKEN: undefined,
      CLAUDE_CODE_OAUTH_TOKEN: undefined,
    },
  });
  if ('failure' in ended || ended.exitCode !== 0)
    throw new CliError(
      `\`claude auth login\` failed (${'failure' in ended ? 'ended by a signal' : `exit code ${ended.exitCode}`}). Nothing changed.`,
    );
  const file = path.join(folder, CREDENTIALS_FILE);
  if (platform === 'darwin') await takeFromKeychain(folder, file, env);
  if (!fs.existsSync(file)) throw new CliError(`\`claude auth login\` did not create ${file}.`);
  fs.chmodSync(file, 0o600);
  checkCredentials(file, fs.readFileSync(file));
  return file;
}

/** On macOS the CLI stores a folder's login in a Keychain item whose name contains a hash of the folder's path. */
async function takeFromKeychain(folder: string, file: string, env: Readonly<NodeJS.ProcessEnv>): Promise<void> {
  const suffix = createHash('sha256').update(folder.normalize('NFC')).digest('hex').slice(0, 8);
  const item = ['-a', env['USER'] ?? 'claude-code-user', '-s', `Claude Code-credentials-${suffix}`];
  const found = await run('security', ['find-generic-password', ...item, '-w'], { env, timeoutMs: 0 });
  if ('failure' in found) {
    if (fs.existsSync(file)) return;
    throw new CliError(
      `The login is not in the Keychain (${found.failure}). Use \`claude setup-token\` and authMode oauthToken instead.`,
    );
  }
  fs.writeFileSync(file, found.output, { mode: 0o600 });
}
