import { CLAUDE_SETTINGS_KEYS } from '../contract.ts';

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
  if (!isObject(settings)) return 'it is no JSON object, so none of it holds';
  const unknown = Object.entries(CLAUDE_SETTINGS_KEYS).flatMap(([place, known]) =>
    Object.keys(at(settings, place))
      .filter((key) => !known.includes(key))
      .map((key) => (place === '' ? key : `${place}.${key}`)),
  );
  return unknown.length === 0 ? undefined : `claude does not know, and leaves out: ${unknown.join(', ')}`;
}

function at(settings: object, place: string): object {
  const steps = place === '' ? [] : place.split('.');
  const found = steps.reduce<unknown>((value, step) => (isObject(value) ? value[step] : undefined), settings);
  return isObject(found) ? found : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
