import { sha256 } from '../session/checksum.ts';

/** A GUID that is the same for the same parts on every machine, in the form of RFC 9562's version 8. */
export function guidOf(...parts: readonly string[]): string {
  const hex = sha256(parts.join('\0'));
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
