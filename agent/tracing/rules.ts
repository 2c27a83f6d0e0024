import { validateHeaderName, validateHeaderValue } from 'node:http';

/** `KEY=VALUE` pairs, as OpenTelemetry writes headers and attributes in variables. */
export type Pairs = Readonly<Record<string, string>>;

/** The description of {@link isCollector} in messages. */
export const COLLECTOR_ALLOWED = 'an http(s) URL without user and fragment, such as http://collector:4318';

/** The description of {@link pairsIn} in messages. */
export const PAIRS_ALLOWED = 'KEY=VALUE pairs, separated by commas, with percent-encoded values';

/** The description of {@link areHeaders} in messages. */
export const HEADERS_ALLOWED = `${PAIRS_ALLOWED}, that are HTTP headers, such as Authorization=Bearer%20TOKEN`;

/** The longest `service.name`. */
export const MAX_SERVICE_CHARS = 200;

/** The part of traces that a sampler with a ratio records. */
export const RATIO = /^(?:0(?:\.\d+)?|1(?:\.0+)?)$/;

/** The description of {@link RATIO} in messages. */
export const RATIO_ALLOWED = 'a number from 0 to 1';

/** The longest timeout of an export, in milliseconds. */
export const MAX_TIMEOUT_MS = 600_000;

/** Whether spans can be sent to this address. */
export function isCollector(value: string): boolean {
  const parsed = URL.parse(value);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username + parsed.password + parsed.hash === '';
}

/**
 * Reads pairs that are separated by commas or line breaks. Values may be percent-encoded.
 * @returns undefined if one is no pair.
 */
export function pairsIn(text: string): Pairs | undefined {
  const entries: [string, string][] = [];
  for (const part of text.split(/[,\n]/)) {
    const pair = part.trim();
    if (pair === '') continue;
    const [, key, value] = /^([^=\s]+)\s*=\s*(.*)$/s.exec(pair) ?? [];
    const decoded = value === undefined ? undefined : decode(value);
    if (key === undefined || decoded === undefined) return undefined;
    entries.push([key, decoded]);
  }
  return Object.fromEntries(entries);
}

/** The headers of HTTP in a text of pairs; undefined if it has none, or something else. */
export function headersIn(text: string): Pairs | undefined {
  const read = pairsIn(text);
  return read && Object.keys(read).length > 0 && areHeaders(read) ? read : undefined;
}

/** Whether pairs are headers of HTTP. */
export function areHeaders(given: Pairs): boolean {
  try {
    for (const [name, value] of Object.entries(given)) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
    return true;
  } catch {
    return false;
  }
}

function decode(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
