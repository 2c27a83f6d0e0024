import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { TOKEN_FILE } from '../names.ts';
import type { CommandContext } from './system/environment.ts';
import { findEngine, runEngine, showEngine } from './system/engine.ts';
import { privateFolder } from './system/local-files.ts';
import { contentOf, StackFile, stackFileOf } from '../config/stack-file.ts';
import { engineEnvironment } from './system/stack.ts';
import { checkAzureLogin } from './system/azure.ts';
import { find, refuseMistakes, settingsOf } from './system/prepared-stack.ts';

/** `preview`: shows what `up` would do, even for a stack that does not exist; creates none. */
export async function preview(context: CommandContext): Promise<number> {
  refuseMistakes(context);
  const { environment, stack, say } = context;
  const file = stackFileOf(environment.projectDir, stack);
  if (!fs.existsSync(file)) say(`${file} does not exist: using the default for every key.`);
  const found = await find(context);
  await checkAzureLogin(settingsOf(context));
  return found === undefined ? previewOfNew(context) : found.pulumi('preview');
}

/**
 * Previews a stack that does not exist. Pulumi can't do that, so this creates one in a temporary backend and removes it
 * afterwards. Returns Pulumi's exit code.
 */
async function previewOfNew({ environment, project, stack, args }: CommandContext): Promise<number> {
  const { projectDir, localDir, env: given } = environment;
  const committedFile = stackFileOf(projectDir, stack);
  const configFile = path.join(privateFolder(localDir), path.basename(committedFile));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'claude-agent-preview-'));
  try {
    fs.writeFileSync(configFile, withToken(contentOf(committedFile), projectDir), { mode: 0o600 });
    const env = {
      ...engineEnvironment(environment),
      PULUMI_BACKEND_URL: `file://${folder}`,
      ...passphrase(environment),
    };
    const engine = findEngine(projectDir, given);
    const name = path.basename(stack);
    // With a project file of its own: `stack init` writes a salt beside it.
    fs.writeFileSync(path.join(folder, 'Pulumi.yaml'), `name: ${project}\nruntime: nodejs\n`);
    await runEngine(engine, ['stack', 'init', name, '--no-select', '--non-interactive'], folder, env);
    const command = ['preview', '--stack', name, '--config-file', configFile, ...args];
    return await showEngine(engine, command, projectDir, env);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
    fs.rmSync(configFile, { force: true });
  }
}

/** The config with a placeholder for the API token, if an update would create one first. */
function withToken(content: string, projectDir: string): string {
  const file = new StackFile(content, projectDir);
  if (file.isSet('agentToken') || fs.existsSync(path.join(projectDir, TOKEN_FILE))) return content;
  file.set('agentToken', 'made-by-the-first-update');
  return file.toString();
}

/** The passphrase that may have encrypted the secrets in the stack's file, otherwise a random one. */
function passphrase({ localDir, ownPassphrase }: CommandContext['environment']): NodeJS.ProcessEnv {
  if (ownPassphrase) return {};
  const file = path.join(localDir, 'passphrase');
  return fs.existsSync(file)
    ? { PULUMI_CONFIG_PASSPHRASE_FILE: file }
    : { PULUMI_CONFIG_PASSPHRASE: randomBytes(32).toString('base64url') };
}
