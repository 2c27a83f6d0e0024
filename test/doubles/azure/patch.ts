import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * What the real provider does to a resource's inputs in a refresh: the differences between what Azure said before and
 * what it says now are made to them, so that things which Azure added by itself come in as well.
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
