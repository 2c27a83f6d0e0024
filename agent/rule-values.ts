/**
 * For rules that the agent and the stack check alike. No imports: the stack reads this file.
 * @module
 */

/** Whether a value is an object, and no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Everything that is wrong with a list of objects, a clause each that begins with the place.
 * @param allowed what the list looks like.
 * @param keys of each object.
 * @param more what the items have wrong with one another.
 */
export function mistakesInList(
  value: unknown,
  { allowed, most, keys }: { readonly allowed: string; readonly most: number; readonly keys: readonly string[] },
  mistakesIn: (item: Record<string, unknown>, at: string) => readonly string[],
  more: (items: readonly unknown[]) => readonly string[] = () => [],
): string[] {
  if (!Array.isArray(value)) return [`it must be ${allowed}`];
  const items: readonly unknown[] = value;
  return [
    ...(items.length > most ? [`there are ${items.length}, and at most ${most} are allowed`] : []),
    ...items.flatMap((item, at) =>
      isObject(item) ? mistakesIn(item, `[${at}]`) : [`[${at}] must be an object with ${keys.join(', ')}`],
    ),
    ...more(items),
  ];
}

/** A value in a message; long ones are cut. */
export const shown = (value: unknown) => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 200));
