import type { z } from 'zod';
import { schemaOf, type Json } from '../http/api/json-schema.ts';

/**
 * The JSON Schema of a tool, without the regular expressions. The agent checks them itself; a model cannot read them, and
 * clients that compile them without the flag `u`, such as n8n, would refuse valid values.
 */
export function toolSchemaOf(schema: z.ZodObject): Json {
  const json = schemaOf(schema);
  return JSON.parse(JSON.stringify(json), (key, value: unknown) =>
    key === 'pattern' && typeof value === 'string' ? undefined : value,
  ) as Json;
}
