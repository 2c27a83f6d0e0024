import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { isOutage } from '../claude/token-exchange.ts';
import type { Log } from '../log.ts';
import type { Federation } from '../login/federation.ts';
import {
  bearer,
  CredentialError,
  OAUTH_BETA,
  UNAUTHENTICATED,
  type AuthHeader,
  type GatewayCredential,
} from './credential.ts';
import type { Upstream } from './upstream.ts';

/** The CLI gets a new access token two minutes before the current one ends, and uses none that ends in half a minute. */
const RENEWED_BEFORE_END_MS = 120_000;
const MAY_END_ON_THE_WAY_MS = 30_000;
const EXCHANGE_MS = 30_000;
const PATH = '/v1/oauth/token';

const answer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

interface AccessToken {
  readonly header: AuthHeader;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** An identity token that the agent exchanges for access tokens, as the CLI does. The file is read for each exchange. */
export class FederationCredential implements GatewayCredential {
  readonly #federation: Federation;
  readonly #upstream: Pick<Upstream, 'post'>;
  readonly #log: Pick<Log, 'info' | 'warn'>;
  #held: AccessToken | undefined;
  #exchange: Promise<AccessToken> | undefined;

  constructor(federation: Federation, upstream: Pick<Upstream, 'post'>, log: Pick<Log, 'info' | 'warn'>) {
    this.#federation = federation;
    this.#upstream = upstream;
    this.#log = log;
  }

  async header(): Promise<AuthHeader> {
    const held = this.#held;
    const left = (held?.expiresAt ?? 0) - Date.now();
    if (!held || left <= MAY_END_ON_THE_WAY_MS) return (await this.#renew()).header;
    if (left <= RENEWED_BEFORE_END_MS) void this.#renew().catch(() => undefined);
    return held.header;
  }

  async refused({ value }: AuthHeader): Promise<void> {
    if (this.#held?.header.value !== value && !this.#exchange) return;
    // The next request reports a failure.
    await this.#renew().catch(() => undefined);
  }

  #renew(): Promise<AccessToken> {
    this.#exchange ??= this.#exchangeOnce().finally(() => (this.#exchange = undefined));
    return this.#exchange;
  }

  async #exchangeOnce(): Promise<AccessToken> {
    try {
      this.#held = await this.#exchanged();
      this.#log.info({}, 'the identity token was exchanged');
      return this.#held;
    } catch (error) {
      this.#log.warn({ err: error }, 'the identity token cannot be exchanged');
      throw error;
    }
  }

  async #exchanged(): Promise<AccessToken> {
    const { identityTokenFile, ruleId, organizationId, serviceAccountId, workspaceId } = this.#federation;
    const body = JSON.stringify({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: await identityIn(identityTokenFile),
      federation_rule_id: ruleId,
      organization_id: organizationId,
      service_account_id: serviceAccountId,
      workspace_id: workspaceId,
    });
    const headers = {
      'content-type': 'application/json',
      'anthropic-beta': `${OAUTH_BETA},oidc-federation-2026-04-01`,
    };
    const asked = Date.now();
    const { status, text } = await this.#upstream
      .post(PATH, headers, body, AbortSignal.timeout(EXCHANGE_MS))
      .catch((cause: unknown) => {
        throw new CredentialError('The server that exchanges the identity token cannot be reached.', undefined, {
          cause,
        });
      });
    if (status !== 200) {
      const why = `The exchange of the identity token failed with status ${status}.`;
      throw new CredentialError(why, isOutage(status) ? status : UNAUTHENTICATED);
    }
    const { access_token: token, expires_in: seconds } = readAnswer(text);
    return { header: bearer(token), expiresAt: asked + seconds * 1000 };
  }
}

async function identityIn(file: string): Promise<string> {
  const token = await readFile(file, 'utf8').catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new CredentialError(`The identity token in ${file} cannot be read (${code}).`, UNAUTHENTICATED);
  });
  if (token.trim() === '') throw new CredentialError(`The identity token in ${file} is empty.`, UNAUTHENTICATED);
  return token.trim();
}

function readAnswer(text: string): z.output<typeof answer> {
  try {
    return answer.parse(JSON.parse(text));
  } catch {
    // The text may contain a token.
    throw new CredentialError('The answer to the exchange of the identity token has no access token.', 502);
  }
}
