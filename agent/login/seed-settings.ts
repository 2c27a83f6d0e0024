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
    if (error instanceof SyntaxError) return 'it is no JSON, so none of it holds';
    throw error;
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    return 'it is no JSON object, so none of it holds';
  }
  const unknown = unknownSettings(settings).map(({ path }) => path.join('.'));
  return unknown.length === 0 ? undefined : `claude does not know, and leaves out: ${unknown.join(', ')}`;
}
