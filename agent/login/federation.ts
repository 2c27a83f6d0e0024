import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { FEDERATION_VARIABLES, IDENTITY_TOKEN_VARIABLE } from '../contract.ts';
import type { CredentialSource, CredentialStatus } from './credential.ts';

/** What Anthropic gives an access token for: an identity token, by a rule. None of it but the token is a secret. */
export interface Federation {
  /** The file of the identity token (a JWT); whoever issues it renews the file. */
  readonly identityTokenFile: string;
  readonly ruleId: string;
  readonly organizationId: string;
  readonly serviceAccountId?: string;
  /** For a rule that holds in more than one workspace. */
  readonly workspaceId?: string;
}

/** When the token ends, in seconds since the epoch. */
const claims = z.object({ exp: z.number() });

/**
 * An identity token that `claude` exchanges for an access token of its own: there is no secret to keep. It reads the
 * file at each exchange, and keeps the access token in `cacheDir` for the next process, until it ends or the identity
 * token changes.
 * @param configDir where the CLI keeps its settings and conversations; a login in it is not used.
 */
export function federatedCredential(
  federation: Federation,
  cacheDir: string,
  configDir: string | undefined,
): CredentialSource {
  const { identityTokenFile: file, ...ids } = federation;
  const environment = {
    [IDENTITY_TOKEN_VARIABLE]: file,
    ...Object.fromEntries(
      Object.entries(ids).map(([id, value]) => [FEDERATION_VARIABLES[id as keyof typeof ids], value]),
    ),
    CLAUDE_CODE_FEDERATION_CACHE_DIR: cacheDir,
    ...(configDir !== undefined && { CLAUDE_CONFIG_DIR: configDir }),
  };
  return {
    mode: 'federation',
    source: file,
    remedy: `Check the federation rule ${ids.ruleId} in the Claude Console and the identity token in ${file}.`,
    environment: () => environment,
    status: () => identityStatus(file),
  };
}

/** An identity token that has ended is there all the same: the access token it was exchanged for may still be good. */
function identityStatus(file: string): CredentialStatus {
  const absent = (problem: string, version = 'none') => ({ present: false, refreshable: true, version, problem });
  try {
    // Of what the link points to: the kubelet renews a token by pointing the link to another folder.
    const { mtimeMs, ino } = statSync(file);
    const version = `${mtimeMs}/${ino}`;
    const token = readFileSync(file, 'utf8').trim();
    if (token === '') return absent(`${file} is empty`, version);
    const expiresAt = expiryOf(token);
    return { present: true, refreshable: true, version, ...(expiresAt !== undefined && { expiresAt }) };
  } catch (error) {
    return absent(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

/** What the token says of itself; who checks it is Anthropic. */
function expiryOf(token: string): string | undefined {
  const [, payload = ''] = token.split('.');
  try {
    const { exp } = claims.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
    return new Date(exp * 1000).toISOString();
  } catch {
    return undefined;
  }
}
