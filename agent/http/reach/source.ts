import { isIP } from 'node:net';
import type { Context } from 'hono';
import { AGENT_ENV } from '../../contract.ts';
import { plainAddress } from '../../plain-address.ts';

/** Where a request comes from. */
export interface Source {
  /** The IP address of the caller, IPv4 if it is one in IPv6 form; undefined if the connection is gone. */
  readonly address: string | undefined;
  /** Whether it came through the trusted proxies, and not straight from its own network. */
  readonly isForwarded: boolean;
}

/** The header to which each proxy adds the address that it was called from. */
const HEADER = 'X-Forwarded-For';

/** `192.0.2.1:4711` and `[2001:db8::1]:4711`: some proxies add the port, such as Azure's Application Gateway. */
const WITH_PORT = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/;

/**
 * Finds out where a request comes from. Each of the trusted proxies has added an entry on the right of the header; entries
 * left of theirs are what the caller claims.
 * @param socket the address at the other end of the connection.
 * @param forwardedFor the header, its lines joined by commas; undefined if the request has none.
 * @returns a sentence for the client if the header cannot come from so many proxies.
 */
export function sourceOf(
  socket: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: number,
): Source | string {
  if (trustedProxies === 0 || forwardedFor === undefined) {
    return { address: socket === undefined ? undefined : plainAddress(socket), isForwarded: false };
  }
  const entries = forwardedFor.split(',').map((entry) => entry.trim());
  const entry = entries.at(-trustedProxies);
  const address = entry === undefined ? undefined : addressIn(entry);
  if (address !== undefined) return { address, isForwarded: true };
  const setting = `${AGENT_ENV.trustedProxies} is ${trustedProxies}`;
  const found =
    entry === undefined
      ? `${HEADER} has fewer entries (${entries.length}) than there are proxies: ${setting}`
      : `The entry of ${HEADER} that counts, number ${trustedProxies} from the right, is no IP address: ${setting}`;
  return `${found}. The request came past one of the proxies, or the number is not that of the proxies in front of the agent.`;
}

function addressIn(entry: string): string | undefined {
  const [, bracketed, withPort] = WITH_PORT.exec(entry) ?? [];
  const address = bracketed ?? withPort ?? entry;
  return isIP(address) === 0 || address.includes('%') ? undefined : plainAddress(address);
}

const SOURCE = 'source';

/** Notes where a request comes from, for {@link seenSource}. */
export function setSource(c: Context, source: Source): void {
  c.set(SOURCE, source);
}

/** Where a request comes from, as {@link setSource} noted it. */
export const seenSource = (c: Context): Source | undefined => c.get(SOURCE) as Source | undefined;
