import { unknownSettings } from '../claude/config-files.ts';

/**
 * What `claude` would leave out of a seed's settings without a word. It is the operator's own file, which another version
 * of the CLI may have written: nothing to refuse, but worth telling.
 * @param text of a `settings.json`.
 * @returns a sentence, or undefined where it understands all of it. Never a value.
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
