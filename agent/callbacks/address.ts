import { lookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { CallbackTarget } from './hosts.ts';

/** Addresses at which clouds serve a machine's credentials and settings, if no address range covers them. */
const CLOUD_INTERNAL: ReadonlySet<string> = new Set([
  '168.63.129.16', // Azure
  '100.100.100.200', // Alibaba
  'fd00:ec2::254', // AWS
  'fd20:ce::254', // Google
]);

const PRIVATE: ReadonlySet<string> = new Set(['private', 'uniqueLocal', 'carrierGradeNat', 'loopback']);

/** All IPv6 addresses that are assigned for the internet. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Classifies an address. `never`: link-local (including cloud metadata), multicast, reserved and unspecified addresses, and
 * those that embed an IPv4 address (6to4, NAT64, Teredo).
 */
export function kindOf(address: string): 'public' | 'private' | 'never' {
  const parsed = ipaddr.process(address);
  if (CLOUD_INTERNAL.has(parsed.toString())) return 'never';
  const range = parsed.range();
  if (PRIVATE.has(range)) return 'private';
  if (range !== 'unicast') return 'never';
  return parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_IPV6) ? 'never' : 'public';
}

/** Thrown when a callback's host has no allowed address. */
export class AddressError extends Error {
  override readonly name = 'AddressError';

  constructor(hostname: string, addresses: readonly string[]) {
    super(`${hostname} resolves to ${addresses.join(', ')}, which callbacks may not reach.`);
  }
}

/**
 * The lookup function for the connection to a target. It returns only allowed addresses, and the connection uses exactly
 * those, even if the name resolves to others a moment later.
 * @throws {AddressError} at once if the target is an IP address that is not allowed, because then no lookup happens.
 */
export function allowedAddresses({ hostname, mayBePrivate }: CallbackTarget): LookupFunction {
  const isAllowed = (address: string) => {
    const kind = kindOf(address);
    return kind === 'public' || (kind === 'private' && mayBePrivate);
  };
  if (isIP(hostname) !== 0 && !isAllowed(hostname)) throw new AddressError(hostname, [hostname]);

  return (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) {
        callback(error, '');
        return;
      }
      const [first, ...others] = addresses.filter(({ address }) => isAllowed(address));
      if (!first) {
        const all = addresses.map(({ address }) => address);
        callback(new AddressError(name, all), '');
      } else if (options.all) callback(null, [first, ...others]);
      else callback(null, first.address, first.family);
    });
  };
}
