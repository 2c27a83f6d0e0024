import type { Resource } from './rule.ts';

/** One change of a valid stack. */
export type Change =
  | {
      /** Kind of the resource, and its name in the cluster if there are several. */
      readonly of: string;
      readonly called?: string;
      /** Where below its inputs: `spec.ports.0.name`; a last part `-` appends to a list. */
      readonly at: string;
      /** Undefined removes the value. */
      readonly to: unknown;
    }
  | { readonly add: string; readonly inputs: Readonly<Record<string, unknown>> }
  | { readonly remove: string; readonly called?: string }
  | { readonly unprotect: string };

/** The resources with a change, as copies. @throws Error if there is nothing to change. */
export function changed(resources: readonly Resource[], change: Change): Resource[] {
  const copies = structuredClone(resources) as Resource[];
  if ('add' in change) {
    return [...copies, { type: change.add, name: 'added', inputs: change.inputs, isProtected: true }];
  }
  if ('remove' in change) {
    const removed = find(copies, change.remove, change.called);
    return copies.filter((resource) => resource !== removed);
  }
  if ('unprotect' in change) {
    const open = find(copies, change.unprotect);
    return copies.map((resource) => (resource === open ? { ...resource, isProtected: false } : resource));
  }
  set(find(copies, change.of, change.called).inputs, change.at.split('.'), change.to);
  return copies;
}

function find(resources: readonly Resource[], kind: string, name?: string): Resource {
  const found = resources.find(({ type, inputs }) => {
    const { metadata } = inputs as { metadata?: { name?: string } };
    return type.endsWith(`:${kind}`) && (name === undefined || metadata?.name === name);
  });
  if (found === undefined) throw new Error(`There is no ${kind} ${name ?? ''}.`);
  return found;
}

/** In a path `\.` is a dot within a name, as in kubectl's own paths; the parts come here with the dot split. */
function set(target: unknown, [part = '', ...rest]: readonly string[], value: unknown): void {
  if (typeof target !== 'object' || target === null) throw new Error(`There is nothing at ${part}.`);
  if (Array.isArray(target) && part === '-') {
    target.push(value);
    return;
  }
  const record = target as Record<string, unknown>;
  const [key, after] = part.endsWith('\\') ? joined(part, rest) : [part, rest];
  if (after.length > 0) set(record[key], after, value);
  else if (value === undefined) Reflect.deleteProperty(record, key);
  else record[key] = value;
}

function joined(part: string, [next = '', ...rest]: readonly string[]): [string, readonly string[]] {
  const key = `${part.slice(0, -1)}.${next}`;
  return next.endsWith('\\') ? joined(key, rest) : [key, rest];
}
