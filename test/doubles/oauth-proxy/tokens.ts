import { randomUUID } from 'node:crypto';
import { z } from 'zod';

/** A login's pair of tokens. */
export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** One use of a refresh token and its result. */
export interface Refresh {
  readonly refreshToken: string;
  readonly outcome: 'rotated' | 'refused';
}

/** The response of the token endpoint. */
export interface TokenAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const refreshRequest = z.looseObject({
  grant_type: z.literal('refresh_token'),
  refresh_token: z.string(),
  scope: z.string().optional(),
});

/** The lifetime of access tokens in seconds, like those of a subscription. */
const LIFETIME = 28_800;

/** The tokens of one login. Every refresh token works once: using it again is refused. */
export class TokenFamily {
  readonly refreshes: Refresh[] = [];
  #current: TokenPair;

  constructor(first: TokenPair) {
    this.#current = first;
  }

  /** The currently valid pair. */
  get current(): TokenPair {
    return this.#current;
  }

  /** Responds to a refresh; `isRevoked` refuses every token. */
  refresh(body: unknown, isRevoked: boolean): TokenAnswer {
    const request = refreshRequest.parse(body);
    const isCurrent = request.refresh_token === this.#current.refreshToken;
    const outcome = isCurrent && !isRevoked ? 'rotated' : 'refused';
    this.refreshes.push({ refreshToken: request.refresh_token, outcome });
    if (outcome === 'refused') {
      const body = { error: 'invalid_grant', error_description: 'Refresh token not found or invalid' };
      return { status: 400, body };
    }
    const id = randomUUID().slice(0, 8);
    this.#current = { accessToken: `sk-ant-oat01-${id}`, refreshToken: `sk-ant-ort01-${id}` };
    const { accessToken, refreshToken } = this.#current;
    return {
      status: 200,
      body: {
        token_type: 'Bearer',
        access_token: accessToken,
        refresh_token: refreshToken,
        expires_in: LIFETIME,
        scope: request.scope ?? 'user:inference user:profile',
      },
    };
  }
}
