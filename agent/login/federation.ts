import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { FEDERATION_VARIABLES, IDENTITY_TOKEN_VARIABLE } from '../contract.ts';
import type { CredentialSource, CredentialStatus } from './credential.ts';

/** How an identity token is exchanged for an access token of Anthropic. Only the token is a secret. */
export interface Federation {
  /** The file with the identity token (a JWT). Its issuer renews the file. */
  readonly identityTokenFile: string;
  readonly ruleId: string;
  readonly organizationId: string;
  readonly serviceAccountId?: string;
  /** For a rule that covers more than one workspace. */
  readonly workspaceId?: string;
}

/** When the token expires, in seconds since the epoch. */
const claims = z.object({ exp: z.number() });

/**
 * An identity token that `claude` exchanges for an access token, so there is no long-lived secret. The CLI reads the file
 * at each exchange. It caches the access token in `cacheDir` for the next process, until the access token expires or the
 * identity token changes.
 */
export function federatedCredential(federation: Federation, cacheDir: string): CredentialSource {
  const { identityTokenFile: file, ...ids } = federation;
  const environment = {
    [IDENTITY_TOKEN_VARIABLE]: file,
    ...Object.fromEntries(
      Object.entries(ids).map(([id, value]) => [FEDERATION_VARIABLES[id as keyof typeof ids], value]),
    ),
    CLAUDE_CODE_FEDERATION_CACHE_DIR: cacheDir,
  };
  return {
    mode: 'federation',
    source: file,
    remedy: `Check the federation rule ${ids.ruleId} in the Claude Console and the identity token in ${file}.`,
    environment: () => environment,
    status: () => identityStatus(file),
  };
}

/** An expired identity token counts as present: the access token that it was exchanged for may still be valid. */
function identityStatus(file: string): CredentialStatus {
  const absent = (problem: string, version = 'none') => ({ present: false, refreshable: true, version, problem });
  try {
    // The time of the link's target: the kubelet renews a token by pointing the link to another folder.
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

/** The token's own expiry. Anthropic verifies the token, not the agent. */
function expiryOf(token: string): string | undefined {
  const [, payload = ''] = token.split('.');
  try {
    const { exp } = claims.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
    return new Date(exp * 1000).toISOString();
  } catch {
    return undefined;
  }
}
