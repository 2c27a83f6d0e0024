import * as fs from 'node:fs';
import * as path from 'node:path';

import { CREDENTIALS_FILE } from '../../../agent/contract.ts';
import { TOKEN_FILE } from '../../names.ts';
import type { CliEnvironment } from '../system/environment.ts';
import { privateFolder, randomSecretFile, stampOf, writeWhole } from '../system/local-files.ts';
import { stackFileOf } from '../../config/stack-file.ts';
import { LOCAL } from '../archive/local.ts';
import { namesBelow, PLACES } from '../archive/manifest.ts';
import { newestLogin } from '../archive/newest-login.ts';

/** What {@link putLocal} needs. */
export interface PutLocalOptions {
  readonly environment: CliEnvironment;
  /** Where the backup is unpacked. */
  readonly folder: string;
  readonly stack: string;
  readonly stackFileContent: string;
  readonly say: (line: string) => void;
}

/**
 * Puts this machine's files in place: passphrase, API token, login and the stack file. Keeps a copy of what they replace.
 */
export function putLocal({ environment, folder, stack, stackFileContent, say }: PutLocalOptions): void {
  const { projectDir, localDir } = environment;
  const wanted = new Map<string, Buffer>();
  const from = path.join(folder, PLACES.local);
  for (const name of fs.existsSync(from) ? namesBelow(from) : []) {
    wanted.set(path.join(localDir, name), fs.readFileSync(path.join(from, name)));
  }
  const login = newestLogin(folder);
  if (login !== undefined) wanted.set(path.join(localDir, LOCAL.session, CREDENTIALS_FILE), login.content);
  wanted.set(stackFileOf(projectDir, stack), Buffer.from(stackFileContent));
  const aside = path.join(localDir, `before-restore-${stampOf(new Date())}`);
  for (const [file, content] of wanted) {
    const before = fs.existsSync(file) ? fs.readFileSync(file) : undefined;
    if (before?.equals(content)) continue;
    if (before !== undefined) {
      const kept = path.join(aside, path.relative(file.startsWith(localDir) ? localDir : projectDir, file));
      privateFolder(path.dirname(kept));
      fs.writeFileSync(kept, before, { mode: 0o600 });
      say(`${file} was replaced; the previous one is ${kept}.`);
    }
    writeWhole(file, content);
  }
  const hasToken = wanted.has(path.join(projectDir, TOKEN_FILE)) || stackFileContent.includes(':agentToken:');
  if (!hasToken && randomSecretFile(path.join(projectDir, TOKEN_FILE))) {
    say(`The backup has no API token. Created a new one, which n8n needs: ${TOKEN_FILE}.`);
  }
}
