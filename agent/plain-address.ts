import ipaddr from 'ipaddr.js';

/** The usual form of an IP address: without a zone, and IPv4 not mapped to IPv6. @throws if it is none. */
export function plainAddress(address: string): string {
  return ipaddr.process(address.replace(/%.*$/, '')).toString();
}
