import { z } from 'zod';

/** Schemas that the OpenAPI document knows by a name. */
export const components = z.registry<{ id: string }>();

/** Gives a schema its name in the OpenAPI document, where it stands once and is referred to. */
export function component<S extends z.ZodType>(id: string, schema: S): S {
  components.add(schema, { id });
  return schema;
}

/** Where the OpenAPI document has the component of this name. */
export const locationOf = (id: string) => `#/components/schemas/${id}`;

/** A reference to a component; undefined for a schema that is none. */
export function refTo(schema: z.ZodType): { readonly $ref: string } | undefined {
  const id = components.get(schema)?.id;
  return id === undefined ? undefined : { $ref: locationOf(id) };
}

/** What may be sent as an answer of this schema. */
export type Sent<S extends z.ZodType> = DeepReadonly<z.input<S>>;

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** A moment in an answer. */
export const time = component('Time', z.iso.datetime().describe('ISO 8601 in UTC.'));
