import * as fs from 'node:fs';
import * as path from 'node:path';

import { EARLIER_TOKEN_FILE, TOKEN_FILE } from '../../names.ts';
import { OWN_SESSION } from '../../session/seed.ts';
import type { CliEnvironment } from '../system/environment.ts';
import { privateFolder } from '../system/local-files.ts';

/** Files and folders of `.local` that a system needs: its state cannot be read, or its callers authenticated, without them. */
export const LOCAL = {
  passphrase: 'passphrase',
  token: path.basename(TOKEN_FILE),
  earlierToken: path.basename(EARLIER_TOKEN_FILE),
  session: path.basename(OWN_SESSION),
} as const;

/**
 * Copies this machine's files for the stack into a folder.
 * @param configText Content of the stack file.
 * @returns a sentence for each required file that is missing.
 */
export function takeLocal(environment: CliEnvironment, configText: string, folder: string): string[] {
  const { localDir, env, backend } = environment;
  privateFolder(folder);
  for (const name of [LOCAL.token, LOCAL.earlierToken, LOCAL.session]) {
    const source = path.join(localDir, name);
    if (fs.existsSync(source)) fs.cpSync(source, path.join(folder, name), { recursive: true });
  }
  const passphrase = passphraseOf(env, localDir);
  if (passphrase !== undefined) fs.writeFileSync(path.join(folder, LOCAL.passphrase), passphrase, { mode: 0o600 });
  const needsNone = backend === 'service' || /^secretsprovider:/m.test(configText);
  const hasToken =
    fs.existsSync(path.join(folder, LOCAL.token)) || /^\s+claude-code-agent:agentToken:/m.test(configText);
  return [
    ...(passphrase !== undefined || needsNone
      ? []
      : [`passphrase: there is no ${path.join(localDir, LOCAL.passphrase)}`]),
    ...(hasToken ? [] : [`API token: there is no ${TOKEN_FILE}; callers need the same one after a restore`]),
  ];
}

/** The passphrase that the engine would use. */
function passphraseOf(env: Readonly<NodeJS.ProcessEnv>, localDir: string): string | undefined {
  const { PULUMI_CONFIG_PASSPHRASE: given, PULUMI_CONFIG_PASSPHRASE_FILE: file = '' } = env;
  if (given) return `${given}\n`;
  const source = file !== '' ? file : path.join(localDir, LOCAL.passphrase);
  return fs.existsSync(source) ? fs.readFileSync(source, 'utf8') : undefined;
}
