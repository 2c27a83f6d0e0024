import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIPv6 } from 'node:net';
import { RunUsage } from '../claude/run-usage.ts';
import { plainAddress } from '../plain-address.ts';

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

/** A token that is valid. */
interface Issued {
  readonly holder: TokenHolder;
  readonly aborts: Set<() => void>;
  /** Who used it first, by IPv4 and by IPv6. */
  readonly addresses: { v4?: string; v6?: string };
}

/** The tokens with which runs call the gateway. Only their SHA-256 is kept, in memory: a restart ends all of them. */
export class RunTokens {
  readonly #issued = new Map<string, Issued>();

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
    this.#issued.set(digestOf(token), { holder, aborts, addresses: {} });
    return token;
  }

  /** Ends a token, and aborts the requests that it authenticated. Does nothing if the token is not valid. */
  revoke(token: string): void {
    const digest = digestOf(token);
    const aborts = this.#issued.get(digest)?.aborts;
    this.#issued.delete(digest);
    for (const abort of aborts ?? []) abort();
  }

  /** The holder of a token; undefined if it is not valid. The lookup compares hashes, so its time says nothing of the token. */
  find(token: string): TokenHolder | undefined {
    return this.#issued.get(digestOf(token))?.holder;
  }

  /**
   * The holder of a token in a request. A token stays with the address that used it first, which is its run's: Claude calls the API
   * before it can run a command. So one that a run gives away is of no use on another runner.
   * @param address of the client; undefined if the connection is gone. A run may have one of IPv4 and one of IPv6.
   * @returns undefined if it is not valid; `elsewhere` if it belongs to a run at another address.
   */
  use(token: string, address: string | undefined): TokenHolder | 'elsewhere' | undefined {
    const issued = this.#issued.get(digestOf(token));
    if (!issued) return undefined;
    if (address === undefined) return 'elsewhere';
    const plain = plainAddress(address);
    const first = (issued.addresses[isIPv6(plain) ? 'v6' : 'v4'] ??= plain);
    return first === plain ? issued.holder : 'elsewhere';
  }
}

/** A text with all tokens of runs removed. */
export function withoutTokens(text: string): string {
  return text.replaceAll(TOKEN, '…');
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
