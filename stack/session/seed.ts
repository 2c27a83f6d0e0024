import * as fs from 'node:fs';
import * as path from 'node:path';

import { CREDENTIALS_FILE } from '../../agent/contract.ts';
import { checkCredentials } from './credentials.ts';
import { npmRun } from '../next-command.ts';
import { encoded, keyOfPath } from './secret-keys.ts';
import { readSeedFile, SeedError, sizeOf } from './files.ts';

/** What the cluster gets of a login on this machine. */
export type Seed =
  | {
      readonly kind: 'files';
      readonly folder: string;
      /** In base64, by the Secret's keys. Secret. */
      readonly data: Record<string, string>;
      /** What the operator should know before the update continues. */
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'none'; readonly reason: string };

/** Where to look for a login, and what to include. */
export interface SeedPlace {
  /** From the config. Undefined: `.local/session`, then `~/.claude`. */
  readonly sessionDir: string | undefined;
  readonly extras: readonly string[];
  /** Root of the repository; a relative `sessionDir` is relative to it. */
  readonly projectDir: string;
  readonly homeDir: string;
  readonly platform: NodeJS.Platform;
}

/** Kubernetes' limit for one Secret. */
const MAX_BYTES = 1_048_576;

/** Folder of `npm run login`, below the root of the repository. */
export const OWN_SESSION = path.join('.local', 'session');

/**
 * Reads the login of this machine: the credentials and settings, and the configured extras.
 * @throws SeedError naming the file that can't be used and the command that fixes it.
 */
export function readSeed(place: SeedPlace): Seed {
  const daily = path.join(place.homeDir, '.claude');
  const folder = chooseFolder(place, daily);
  if (!fs.existsSync(path.join(folder, CREDENTIALS_FILE))) {
    if (place.platform === 'darwin' && fs.existsSync(folder)) {
      throw new SeedError(
        `${path.join(folder, CREDENTIALS_FILE)} does not exist: macOS keeps the login in the Keychain, which the stack can't read. Run \`${npmRun('login')}\`: it logs in for the pod and writes that file to ${OWN_SESSION}.`,
      );
    }
    return { kind: 'none', reason: `there is no ${CREDENTIALS_FILE} in ${folder}` };
  }
  const files = new Map([[CREDENTIALS_FILE, readSeedFile(folder, CREDENTIALS_FILE)]]);
  checkCredentials(path.join(folder, CREDENTIALS_FILE), files.get(CREDENTIALS_FILE) ?? Buffer.alloc(0));
  for (const name of ['settings.json', ...place.extras]) addTree(folder, name, files);
  checkSettings(folder, files.get('settings.json'));
  const size = sizeOf(files);
  if (size > MAX_BYTES) {
    const largest = [...files].sort(([, a], [, b]) => b.length - a.length)[0]?.[0] ?? '';
    throw new SeedError(
      `The session in ${folder} is ${size} bytes, over the ${MAX_BYTES} that a Secret can hold; the largest file is ${largest}. Leave it out: \`${npmRun('pulumi', "config set sessionExtras '[…]'")}\` with fewer names.`,
    );
  }
  return {
    kind: 'files',
    folder,
    data: Object.fromEntries([...files].map(([file, content]) => [keyOfPath(file), encoded(content)])),
    warnings: folder === daily ? [ofDailyFolder()] : [],
  };
}

const ofDailyFolder = (): string =>
  `The login comes from ~/.claude, which this machine's claude command keeps renewing. Each renewal may log out the pod, and each \`up\` restarts it. Create a login for the pod alone: \`${npmRun('login')}\`.`;

function chooseFolder({ sessionDir, projectDir, homeDir }: SeedPlace, daily: string): string {
  if (sessionDir !== undefined) return path.resolve(projectDir, sessionDir.replace(/^~(?=$|\/)/, homeDir));
  const own = path.join(projectDir, OWN_SESSION);
  return fs.existsSync(path.join(own, CREDENTIALS_FILE)) ? own : daily;
}

/** Adds a file, or a folder with everything below it; a missing one adds nothing. Stops reading above the limit. */
function addTree(folder: string, name: string, files: Map<string, Buffer>): void {
  const stats = fs.statSync(path.join(folder, name), { throwIfNoEntry: false });
  if (stats === undefined || sizeOf(files) > MAX_BYTES) return;
  if (stats.isFile()) {
    files.set(name, readSeedFile(folder, name));
    return;
  }
  if (!stats.isDirectory()) return;
  for (const child of fs.readdirSync(path.join(folder, name)).sort())
    addTree(folder, path.posix.join(name, child), files);
}

function checkSettings(folder: string, content: Buffer | undefined): void {
  if (content === undefined) return;
  try {
    JSON.parse(content.toString());
  } catch (cause) {
    const file = path.join(folder, 'settings.json');
    throw new SeedError(`${file} is not JSON. Correct it in an editor, or remove it: \`rm ${file}\`.`, { cause });
  }
}
