import * as fs from 'node:fs';
import * as path from 'node:path';

import { parse } from 'yaml';

import { CREDENTIALS_FILE } from '../../../agent/contract.ts';
import { checkCredentials, expiryOf } from '../../session/credentials.ts';
import { NAMES } from '../../names.ts';
import { SeedError } from '../../session/files.ts';
import { LOCAL } from './local.ts';
import { PLACES } from './manifest.ts';

/** A login in a backup. */
export interface BackedUpLogin {
  /** The content of its `.credentials.json`. */
  readonly content: Buffer;
  /** Where it was found, for people. */
  readonly from: string;
  /** When its access token expires, in milliseconds since 1970. The CLI renews it earlier, with a refresh token that works once. */
  readonly expiresAt: number | undefined;
}

/**
 * The login that was renewed last: a refresh token works once, so every older copy of the same login is dead. If the ages are
 * equal or unknown, the pod's login comes first.
 * @param folder Of an unpacked backup.
 */
export function newestLogin(folder: string): BackedUpLogin | undefined {
  const places: [string, Buffer | undefined][] = [
    ['the living session of the pod', read(path.join(folder, PLACES.volume, 'claude', CREDENTIALS_FILE))],
    ['npm run login', read(path.join(folder, PLACES.local, LOCAL.session, CREDENTIALS_FILE))],
    [`the Secret ${NAMES.sessionSecret}`, inSecret(folder)],
  ];
  const logins = places.flatMap(([from, content]) =>
    content !== undefined && isLogin(content) ? [{ content, from, expiresAt: expiryOf(content) }] : [],
  );
  return logins.reduce<BackedUpLogin | undefined>(
    (best, next) => (best === undefined || (next.expiresAt ?? 0) > (best.expiresAt ?? 0) ? next : best),
    undefined,
  );
}

const read = (file: string): Buffer | undefined => (fs.existsSync(file) ? fs.readFileSync(file) : undefined);

function inSecret(folder: string): Buffer | undefined {
  const content = read(path.join(folder, PLACES.objects, 'secret', `${NAMES.sessionSecret}.yaml`));
  if (content === undefined) return undefined;
  const { data } = parse(content.toString()) as { data?: Record<string, string> };
  return data?.[CREDENTIALS_FILE] === undefined ? undefined : Buffer.from(data[CREDENTIALS_FILE], 'base64');
}

/** Whether a file has tokens: the CLI empties those of a dead login. */
function isLogin(content: Buffer): boolean {
  try {
    checkCredentials('', content);
    return true;
  } catch (error) {
    if (error instanceof SeedError) return false;
    throw error;
  }
}
