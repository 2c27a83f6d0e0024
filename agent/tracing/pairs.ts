/** `KEY=VALUE` pairs, as OpenTelemetry writes headers and attributes in variables. */
export type Pairs = Readonly<Record<string, string>>;

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

function decode(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
