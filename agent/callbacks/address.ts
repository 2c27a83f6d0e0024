import { lookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { CallbackTarget } from './hosts.ts';

/** Addresses at which clouds serve a machine's credentials and settings, where no range gives them away. */
const CLOUD_INTERNAL: ReadonlySet<string> = new Set([
  '168.63.129.16', // Azure
  '100.100.100.200', // Alibaba
  'fd00:ec2::254', // AWS
  'fd20:ce::254', // Google
]);

const PRIVATE: ReadonlySet<string> = new Set(['private', 'uniqueLocal', 'carrierGradeNat', 'loopback']);

/** All that is given out of IPv6 for the internet. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * What may be reached at an address: `never` for link-local (with the metadata of clouds), multicast, reserved and
 * unspecified ones, and for those that lead to an IPv4 address by another way (6to4, NAT64, Teredo).
 */
export function kindOf(address: string): 'public' | 'private' | 'never' {
  const parsed = ipaddr.process(address);
  if (CLOUD_INTERNAL.has(parsed.toString())) return 'never';
  const range = parsed.range();
  if (PRIVATE.has(range)) return 'private';
  if (range !== 'unicast') return 'never';
  return parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_IPV6) ? 'never' : 'public';
}

/** A callback's host has no address that it may have. */
export class AddressError extends Error {
  override readonly name = 'AddressError';

  constructor(hostname: string, addresses: readonly string[]) {
    super(`${hostname} is at ${addresses.join(', ')}, which callbacks may not reach.`);
  }
}

/**
 * The lookup of the connection to a target: it gives none but allowed addresses, so that those are connected to,
 * whatever the name is at a moment later.
 * @throws {AddressError} at once where the target is an address itself, for which no connection looks anything up.
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
