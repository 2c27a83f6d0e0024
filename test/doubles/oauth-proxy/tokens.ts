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

const codeRequest = z.looseObject({
  grant_type: z.literal('authorization_code'),
  code: z.string(),
  /** Proves that who sends the code started the login. */
  code_verifier: z.string().min(1),
  state: z.string().min(1),
});

/** The lifetime of access tokens in seconds, like those of a subscription. */
const LIFETIME = 28_800;

/** The tokens of one login, or of the last one that a code started. Every refresh token works once: using it again is refused. */
export class TokenFamily {
  readonly refreshes: Refresh[] = [];
  /** The account of each code that starts a login; each works once. */
  readonly #codes: Map<string, string>;
  #current: TokenPair;
  #account: string | undefined;

  constructor(first: TokenPair, account: string | undefined, codes: Readonly<Record<string, string>> = {}) {
    this.#current = first;
    this.#account = account;
    this.#codes = new Map(Object.entries(codes));
  }

  /** The account of the current pair. */
  get account(): string | undefined {
    return this.#account;
  }

  /** The currently valid pair. */
  get current(): TokenPair {
    return this.#current;
  }

  /** Responds to a request for tokens, by a refresh token or a code; `isRevoked` refuses every one. */
  respond(body: unknown, isRevoked: boolean): TokenAnswer {
    const login = codeRequest.safeParse(body).data;
    return login ? this.#logIn(login.code, isRevoked) : this.refresh(body, isRevoked);
  }

  #logIn(code: string, isRevoked: boolean): TokenAnswer {
    const account = this.#codes.get(code);
    if (account === undefined || isRevoked) {
      return { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid authorization code' } };
    }
    this.#codes.delete(code);
    this.#account = account;
    return this.#issue();
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
    return this.#issue(request.scope);
  }

  #issue(scope = 'user:inference user:profile'): TokenAnswer {
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
        scope,
      },
    };
  }
}
