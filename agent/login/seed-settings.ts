import { unknownSettings } from '../claude/config-files.ts';

/**
 * Finds parts of a seed's settings that `claude` would silently ignore. Another version of the CLI may have written the
 * operator's file, so they are reported and not refused.
 * @param text the content of a `settings.json`.
 * @returns a sentence, or undefined if `claude` understands all of it. Never contains a value.
 */
export function problemOfSettings(text: string): string | undefined {
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return 'it is not JSON, so none of it applies';
    throw error;
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    return 'it is not a JSON object, so none of it applies';
  }
  const unknown = unknownSettings(settings).map(({ path }) => path.join('.'));
  return unknown.length === 0 ? undefined : `claude ignores unknown keys: ${unknown.join(', ')}`;
}
