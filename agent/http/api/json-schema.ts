import { z } from 'zod';
import { components, locationOf, refTo } from './component.ts';

/** A JSON object in the OpenAPI document. */
export type Json = Record<string, unknown>;

/** The client's view: what it may send, without defaults. The bounds of safe integers only concern JavaScript. */
const CONVERSION: z.core.ToJSONSchemaParams = {
  io: 'input',
  override: ({ jsonSchema }) => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  },
};

/** Every component by its name, in alphabetical order. */
export function componentSchemas(): Json {
  const { schemas } = z.toJSONSchema(components, { ...CONVERSION, uri: locationOf });
  return Object.fromEntries(
    Object.entries(schemas)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, { $schema, $id, ...schema }]) => [id, schema]),
  );
}

/** A reference to a component, or the whole of any other schema. */
export function schemaOf(schema: z.ZodType): Json {
  const json: Json = refTo(schema) ?? z.toJSONSchema(schema, CONVERSION);
  const { $schema, ...rest } = json;
  return rest;
}
