/** A config value as a text that is equal for equal values: lists and maps are JSON without spaces, with sorted keys. */
export function asText(value: unknown): string {
  const content = typeof value === 'string' && /^[[{]/.test(value) ? fromText(value) : value;
  return typeof content === 'string' ? content : JSON.stringify(inOrder(content));
}

/** The items of a list that {@link asText} returned; none if it is no list. */
export function asList(text = ''): readonly unknown[] {
  const value = fromText(text);
  return Array.isArray(value) ? value : [];
}

/** A text may start like a list without being one. */
function fromText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, inOrder(inner)]),
  );
}

/** Placeholders for encrypted values that must have a certain form, by key or the last part of it. */
const STAND_INS: Readonly<Record<string, string>> = {
  teamsWebhookUrl: 'https://encrypted.invalid',
  url: 'https://encrypted.invalid',
  callbackSecret: `whsec_${Buffer.alloc(32).toString('base64')}`,
  mcpServers: '{}',
  claudeSettings: '{}',
  gitCredentials: '{}',
  otlpHeaders: 'encrypted=encrypted',
};
/** The placeholder for any other encrypted value. */
export const ENCRYPTED = '[encrypted]';
const standInFor = (key: string): string => STAND_INS[key] ?? ENCRYPTED;

/** A config value as the engine passes it to a program, with a placeholder for each encrypted part. */
export function programText(key: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  if (isEncrypted(value)) return standInFor(key);
  return JSON.stringify(value, (name, part: unknown) => (isEncrypted(part) ? standInFor(name) : part));
}

/** Whether any part of a value is encrypted. */
export function hasEncrypted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return isEncrypted(value) || Object.values(value).some(hasEncrypted);
}

function isEncrypted(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'secure' in value;
}
