import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** How many wrong tokens from one address are answered as such in a minute. */
export const WRONG_TOKENS = 10;
/** How long they count. */
export const WINDOW_MS = 60_000;
/** Each takes some 200 bytes. */
const MAX_ADDRESSES = 10_000;
/** Whoever has one address of such a network has all of them. */
const IPV6_PREFIX = 64;

interface Count {
  readonly endsAt: number;
  wrong: number;
}

/**
 * Counts wrong tokens by the address that they come from.
 *
 * Beyond a few a minute they are refused for the rest of it. They are not delayed: a delayed answer keeps a connection and
 * memory, of which many addresses can take more than there is.
 */
export class WrongTokens {
  /** In the order in which the windows end. */
  readonly #counts = new Map<string, Count>();
  readonly #now: () => number;

  /** @param now a clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#counts.size;
  }

  /**
   * Counts a wrong token.
   * @returns undefined while there are few; otherwise the seconds until the next one counts as the first.
   */
  count(address: string): number | undefined {
    const now = this.#now();
    const network = networkOf(address);
    const count = this.#current(network, now) ?? this.#begin(network, now);
    count.wrong += 1;
    return count.wrong > WRONG_TOKENS ? Math.ceil((count.endsAt - now) / 1000) : undefined;
  }

  #current(network: string, now: number): Count | undefined {
    const count = this.#counts.get(network);
    return count && count.endsAt > now ? count : undefined;
  }

  #begin(network: string, now: number): Count {
    this.#counts.delete(network);
    for (const [each, { endsAt }] of this.#counts) {
      if (endsAt > now && this.#counts.size < MAX_ADDRESSES) break;
      this.#counts.delete(each);
    }
    const count = { endsAt: now + WINDOW_MS, wrong: 0 };
    this.#counts.set(network, count);
    return count;
  }
}

function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  return ipaddr.IPv6.networkAddressFromCIDR(`${address}/${IPV6_PREFIX}`).toString();
}
