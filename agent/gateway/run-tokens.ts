import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RunUsage } from '../claude/run-usage.ts';

const PREFIX = 'run_';
const BYTES = 32;
const TOKEN = new RegExp(`${PREFIX}[\\w-]+`, 'g');

/** Answers the requests with a token. Never rejects because of a client. */
export type TokenService = (request: IncomingMessage, response: ServerResponse, holder: TokenHolder) => Promise<void>;

/** A run, or a process that is prepared for one, whose token is valid. */
export interface TokenHolder {
  readonly sessionId: string;
  /** What its messages have used. */
  readonly usage: RunUsage;
  /** Answers all its requests, if the token is for something else than the Anthropic API. */
  readonly service: TokenService | undefined;
  /** How much work is registered. */
  readonly open: number;
  /**
   * Registers work that must not outlive the token.
   * @param abort called once when the token is revoked.
   * @returns call it when the work is done.
   */
  readonly during: (abort: () => void) => () => void;
}

/** The tokens with which runs call the gateway. Only their SHA-256 is kept, in memory: a restart ends all of them. */
export class RunTokens {
  readonly #holders = new Map<string, { readonly holder: TokenHolder; readonly aborts: Set<() => void> }>();

  /**
   * Makes a token for a run or a prepared process. It is valid until it is revoked.
   * @param service for a token that is not for the Anthropic API.
   * @returns `run_` and 43 characters of base64url. The CLI accepts it as an OAuth token, as an API key, and as a bearer token.
   */
  issue(sessionId: string, service?: TokenService): string {
    const token = PREFIX + randomBytes(BYTES).toString('base64url');
    const aborts = new Set<() => void>();
    const during = (abort: () => void) => {
      aborts.add(abort);
      return () => void aborts.delete(abort);
    };
    const holder = {
      sessionId,
      service,
      usage: new RunUsage(),
      get open() {
        return aborts.size;
      },
      during,
    };
    this.#holders.set(digestOf(token), { holder, aborts });
    return token;
  }

  /** Ends a token, and aborts the requests that it authenticated. Does nothing if the token is not valid. */
  revoke(token: string): void {
    const digest = digestOf(token);
    const aborts = this.#holders.get(digest)?.aborts;
    this.#holders.delete(digest);
    for (const abort of aborts ?? []) abort();
  }

  /** The holder of a token; undefined if it is not valid. The lookup compares hashes, so its time says nothing of the token. */
  find(token: string): TokenHolder | undefined {
    return this.#holders.get(digestOf(token))?.holder;
  }
}

/** A text with all tokens of runs removed. */
export function withoutTokens(text: string): string {
  return text.replaceAll(TOKEN, '…');
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
