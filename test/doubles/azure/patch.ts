import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Updates a resource's inputs in a refresh like the real provider: it applies the differences between Azure's previous and
 * current response, including properties that Azure added itself.
 */
export function withChanges(inputs: unknown, before: unknown, now: unknown): unknown {
  if (isObject(inputs) && isObject(before) && isObject(now)) return objectWithChanges(inputs, before, now);
  if (Array.isArray(inputs) && Array.isArray(before) && Array.isArray(now)) {
    return now.map((item: unknown, index) =>
      index < inputs.length && index < before.length ? withChanges(inputs[index], before[index], item) : item,
    );
  }
  return now;
}

function objectWithChanges(inputs: Json, before: Json, now: Json): Json {
  const result: Json = { ...inputs };
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (isDeepStrictEqual(before[key], now[key])) continue;
    if (now[key] === undefined) Reflect.deleteProperty(result, key);
    else result[key] = key in inputs && key in before ? withChanges(inputs[key], before[key], now[key]) : now[key];
  }
  return result;
}
