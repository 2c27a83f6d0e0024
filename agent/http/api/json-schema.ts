import { z } from 'zod';
import { components, locationOf, refTo } from './component.ts';

/** JSON, as it stands in the OpenAPI document. */
export type Json = Record<string, unknown>;

/** As a client sees it: what it may send, with defaults left out. That integers are safe ones is a fact of JavaScript. */
const CONVERSION: z.core.ToJSONSchemaParams = {
  io: 'input',
  override: ({ jsonSchema }) => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  },
};

/** Every component by its name, in the order of the alphabet. */
export function componentSchemas(): Json {
  const { schemas } = z.toJSONSchema(components, { ...CONVERSION, uri: locationOf });
  return Object.fromEntries(
    Object.entries(schemas)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, { $schema, $id, ...schema }]) => [id, schema]),
  );
}

/** A component by reference, any other schema as it is. */
export function schemaOf(schema: z.ZodType): Json {
  const json: Json = refTo(schema) ?? z.toJSONSchema(schema, CONVERSION);
  const { $schema, ...rest } = json;
  return rest;
}
