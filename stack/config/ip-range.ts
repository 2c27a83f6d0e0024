import { isIPv4 } from 'node:net';

/** A range of IPv4 addresses: its first and last as numbers. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/** A range in CIDR notation, or one address; undefined where the text is neither. */
export function parseRange(text: string): Range | undefined {
  const [address = '', prefix = '32', ...rest] = text.split('/');
  if (!isIPv4(address) || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32 || rest.length > 0) return undefined;
  const size = 2 ** (32 - Number(prefix));
  const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}

/** Whether two ranges (or addresses) have an address in common. False where one of them is none. */
export function overlap(a: string, b: string): boolean {
  const [one, other] = [parseRange(a), parseRange(b)];
  return one !== undefined && other !== undefined && one.first <= other.last && other.first <= one.last;
}
