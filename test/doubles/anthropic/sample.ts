import { z } from 'zod';

const schema = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
});

/** The simplest value that a plain JSON Schema allows; strings become `text`. */
export function sampleOf(given: unknown, text: string): unknown {
  const parsed = schema.safeParse(given);
  if (!parsed.success) return null;
  const { type, enum: choices, const: constant, properties, items } = parsed.data;
  if (constant !== undefined) return constant;
  if (choices !== undefined) return choices[0];
  switch (Array.isArray(type) ? type[0] : type) {
    case 'string':
      return text;
    case 'number':
    case 'integer':
      return 1;
    case 'boolean':
      return true;
    case 'array':
      return items === undefined ? [] : [sampleOf(items, text)];
    case 'object':
      return Object.fromEntries(Object.entries(properties ?? {}).map(([key, value]) => [key, sampleOf(value, text)]));
    case undefined:
    default:
      return null;
  }
}
