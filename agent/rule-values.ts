/**
 * For rules that the agent and the stack check alike. No imports: the stack reads this file.
 * @module
 */

/** Whether a value is an object, and no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value in a message; long ones are cut. */
export const shown = (value: unknown) => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 200));
