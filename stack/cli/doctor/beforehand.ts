import * as os from 'node:os';
import * as path from 'node:path';

import { CREDENTIALS_FILE } from '../../../agent/contract.ts';
import { expiryOf, isRenewable } from '../../session/credentials.ts';
import { NAMES } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { keyOfPath } from '../../session/secret-keys.ts';
import { readSeed } from '../../session/seed.ts';
import { SeedError } from '../../session/files.ts';
import { lookUpImage } from '../system/registry.ts';
import type { StackFile } from '../../config/stack-file.ts';
import { run } from '../../exec.ts';
import { broken, ok, skipped } from './finding.ts';
import type { Check, Finding } from './finding.ts';

/** What the checks before the first update need. */
export interface BeforehandDependencies {
  readonly config: StackFile;
  /** Root of the repository. */
  readonly projectDir: string;
  readonly isDeployed: () => boolean;
}

/** Checks what the first update needs from this machine, the login and the registry, until something is deployed. */
export function beforehand({ config, projectDir, isDeployed }: BeforehandDependencies): Check[] {
  const when = (): boolean => !isDeployed();
  const isAzure = config.get('target') === 'azure';
  return [
    { name: 'local login', when, look: () => Promise.resolve(login(config, projectDir)) },
    {
      name: 'registry',
      when,
      needs: [isAzure ? 'azure login' : 'docker'],
      look: () => (isAzure ? azureRegistry(config.get('azureRegistry') ?? '') : registry(config)),
    },
  ];
}

const setConfig = (key: string): string => npmRun('pulumi', `config set ${key}`);
const setAnother = (key: string): string => `${setConfig(`${key} …`)}   (uses another one)`;

function login(config: StackFile, projectDir: string): Finding {
  const mode = config.get('authMode') ?? '';
  if (mode === 'federation') return skipped('not needed: authMode is federation');
  if (mode !== 'session') {
    if (config.isSet('claudeToken')) return ok('the secret claudeToken is in the config');
    const first = mode === 'oauthToken' ? 'claude setup-token, then ' : '';
    return broken(
      `authMode is ${mode}, but the config has no claudeToken`,
      `${first}${setConfig('--secret claudeToken')}`,
    );
  }
  if (config.get('sessionFrom') === 'cluster') return skipped('not needed: sessionFrom is cluster');
  return session(config, projectDir);
}

function session(config: StackFile, projectDir: string): Finding {
  const sessionDir = config.get('sessionDir') ?? '';
  try {
    const seed = readSeed({
      sessionDir: sessionDir === '' ? undefined : sessionDir,
      extras: JSON.parse(config.get('sessionExtras') ?? '[]') as string[],
      projectDir,
      homeDir: os.homedir(),
      platform: process.platform,
    });
    if (seed.kind === 'none') return broken(seed.reason, npmRun('login'));
    const credentials = Buffer.from(seed.data[keyOfPath(CREDENTIALS_FILE)] ?? '', 'base64');
    const file = path.join(seed.folder, CREDENTIALS_FILE);
    const expiry = expiryOf(credentials);
    if (expiry !== undefined && expiry <= Date.now() && !isRenewable(credentials)) {
      return broken(`${file} expired at ${new Date(expiry).toISOString()} and can't be renewed`, npmRun('login'));
    }
    return ok([file, ...seed.warnings].join('. '));
  } catch (error) {
    if (!(error instanceof SeedError)) throw error;
    return broken(error.message, npmRun('login'));
  }
}

async function registry(config: StackFile): Promise<Finding> {
  const pinned = config.get('image') ?? '';
  const name = config.get('registry') ?? '';
  const image = pinned === '' ? `${name}/${NAMES.image}` : pinned;
  const host = image.split('/')[0] ?? '';
  if (pinned !== '' && 'missing' in (await run('docker', ['--version'])))
    return skipped(`${host} not checked: this needs Docker, which a pinned image otherwise does not need`);
  const found = await lookUpImage(image, undefined);
  if (found.image === 'unknown') return broken(`${host}: ${found.failure}`, nextFor(found.failure, host, config));
  if (found.image === 'lost' && pinned !== '') {
    return broken(
      `${host} answers, but has no ${pinned}`,
      `${npmRun('pulumi', 'config rm image')}   (builds this checkout)`,
    );
  }
  return ok(`${host} answers`);
}

function nextFor(failure: string, host: string, config: StackFile): string {
  if (/unauthorized|denied|forbidden|credentials/i.test(failure)) return `docker login ${host}`;
  const key = config.get('image') === '' ? 'registry' : 'image';
  return `start it, or check that this machine can reach it; or ${setAnother(key)}`;
}

/** @param name `NAME`: the first update creates it; `GROUP/NAME`: an existing one. */
async function azureRegistry(name: string): Promise<Finding> {
  const [group = '', existing] = name.split('/');
  if (existing === undefined) return ok(`${npmRun('up')} creates ${name}`);
  const query = ['--resource-group', group, '--name', existing, '--query', 'loginServer', '--output', 'tsv'];
  const answer = await run('az', ['acr', 'show', ...query]);
  if ('output' in answer) return ok(`${answer.output.trim()} exists`);
  return broken(`${name}: ${answer.failure}`, setAnother('azureRegistry'));
}
