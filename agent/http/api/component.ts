import { z } from 'zod';

/** Schemas that have a name in the OpenAPI document. */
export const components = z.registry<{ id: string }>();

/** Names a schema: the OpenAPI document defines it once and refers to it. */
export function component<S extends z.ZodType>(id: string, schema: S): S {
  components.add(schema, { id });
  return schema;
}

/** The location of a component in the OpenAPI document. */
export const locationOf = (id: string) => `#/components/schemas/${id}`;

/** A reference to a component; undefined for a schema without a name. */
export function refTo(schema: z.ZodType): { readonly $ref: string } | undefined {
  const id = components.get(schema)?.id;
  return id === undefined ? undefined : { $ref: locationOf(id) };
}

/** A value that may be sent as a response of this schema. */
export type Sent<S extends z.ZodType> = DeepReadonly<z.input<S>>;

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** A time in a response. */
export const time = component('Time', z.iso.datetime().describe('ISO 8601 in UTC.'));
