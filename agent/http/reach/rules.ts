/**
 * What a range of IP addresses looks like, for the agent and for the stack.
 * @module
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The most proxies in front of the agent. */
export const MAX_TRUSTED_PROXIES = 10;

/** IPv4 in IPv6 form is `::ffff:0:0/96`. */
const MAPPED_BITS = 96;

/** What is wrong with a text that should be a range, as the end of a sentence about it; undefined if it is one. */
export function mistakeInRange(text: string): string | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || rest.length > 0) return 'is no range such as 203.0.113.0/24';
  const bits = version === 4 ? 32 : 128;
  if (prefix === undefined) return `has no prefix length; a single address is ${text}/${bits}`;
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > bits) {
    return `has a wrong prefix length; an IPv${version} range has 0 to ${bits}`;
  }
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() && Number(prefix) >= MAPPED_BITS) {
    const narrow = Number(prefix) - MAPPED_BITS;
    return `is in the IPv6 form of IPv4; write ${firstOf(parsed.toIPv4Address().toString(), narrow)}/${narrow}`;
  }
  const first = firstOf(address, Number(prefix));
  return ipaddr.parse(first).toString() === parsed.toString()
    ? undefined
    : `does not begin at ${address}; the range with that address is ${first}/${prefix}`;
}

/** The first address of the range with an address. */
function firstOf(address: string, prefix: number): string {
  const range = `${address}/${prefix}`;
  const first =
    isIP(address) === 4 ? ipaddr.IPv4.networkAddressFromCIDR(range) : ipaddr.IPv6.networkAddressFromCIDR(range);
  return first.toString();
}
