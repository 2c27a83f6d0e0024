import { validateHeaderValue } from 'node:http';
import { CREDENTIAL_VARIABLES, type AuthMode } from '../contract.ts';
import type { CredentialSource } from '../login/credential.ts';

/** The header that authenticates a request to the Anthropic API. Its value is a secret. */
export interface AuthHeader {
  readonly name: 'authorization' | 'x-api-key';
  readonly value: string;
}

/** The agent's credential for the Anthropic API. */
export interface GatewayCredential {
  /**
   * The header for the next request. A renewal that is due is started, and waited for if nothing else is valid.
   * @throws {CredentialError} if there is no credential.
   */
  header(): Promise<AuthHeader>;
  /**
   * Call when the API refused a header with 401, before the client learns of it: the client sends its request again at once.
   * Settles when another header is valid, or when none can be had. Never rejects. Concurrent calls share one renewal.
   */
  refused(header: AuthHeader): Promise<void>;
}

/** There is no credential. The message is for people, and contains no secret. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError';
  /** The HTTP status for the client; undefined if the server that issues credentials did not answer. */
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** The status with which the CLI learns that a credential is missing or refused. */
export const UNAUTHENTICATED = 401;

/** The header of a bearer token. @throws {CredentialError} if it cannot be the value of a header. */
export function bearer(token: string): AuthHeader {
  return checked({ name: 'authorization', value: `Bearer ${token}` });
}

/** A long-lived token or an API key. A file that holds it is read for each request, so that a rotated one needs no restart. */
export class FixedCredential implements GatewayCredential {
  readonly #source: CredentialSource;
  readonly #mode: keyof typeof CREDENTIAL_VARIABLES;

  constructor(source: CredentialSource, mode: keyof typeof CREDENTIAL_VARIABLES) {
    this.#source = source;
    this.#mode = mode;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- an error is a rejection
  async header(): Promise<AuthHeader> {
    const { present, problem } = this.#source.status();
    if (!present) throw new CredentialError(problem ?? 'There is no credential.', UNAUTHENTICATED);
    const value = this.#source.environment()[CREDENTIAL_VARIABLES[this.#mode]] ?? '';
    return this.#mode === 'apiKey' ? checked({ name: 'x-api-key', value }) : bearer(value);
  }

  /** Only a person can replace it. */
  refused(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * The variables that give a token of a run to `claude`, so that it sends the same requests as with the agent's credential
 * itself: the beta headers, the lifetime of cached prompts and the default model depend on the variable. With a federated
 * credential the CLI behaves as with a bearer token, and adds the beta of OAuth.
 */
export function runVariables(mode: AuthMode, token: string): Readonly<Record<string, string>> {
  switch (mode) {
    case 'session':
    case 'oauthToken':
      return { [CREDENTIAL_VARIABLES.oauthToken]: token };
    case 'apiKey':
      return { [CREDENTIAL_VARIABLES.apiKey]: token };
    case 'federation':
      return { ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_BETAS: OAUTH_BETA };
  }
}

/** Anthropic's beta for access tokens. */
export const OAUTH_BETA = 'oauth-2025-04-20';

function checked(header: AuthHeader): AuthHeader {
  try {
    validateHeaderValue(header.name, header.value);
  } catch {
    throw new CredentialError('The credential contains characters that no header can contain.', UNAUTHENTICATED);
  }
  return header;
}
