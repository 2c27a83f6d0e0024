/**
 * With server-side apply, an update removes only fields that its own field manager applied before. The provider creates an object
 * as `pulumi-kubernetes`, and updates it as a manager that it makes up and whose name it keeps in the state. Without the name it
 * makes up another one, and what the first one applied stays: an environment variable that the program no longer has, without
 * a value if its value changed since.
 * @module
 */
import type { ExportedState, StateResource } from './state.ts';

/** What identifies an object of the cluster. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** An object of the cluster with its field managers, as `kubectl get --show-managed-fields` prints it. */
export interface ManagedObject extends ObjectReference {
  readonly metadata: ObjectReference['metadata'] & {
    readonly managedFields?: readonly {
      readonly manager: string;
      /** Of its last change; RFC 3339 in UTC, to the second. */
      readonly time?: string;
    }[];
  };
}

/** Of an output that the provider writes for itself. */
const FIELD_MANAGER = '__fieldManager';
/** How the provider begins the names that it makes up. */
const MADE_UP = 'pulumi-kubernetes-';

/** The objects of a state whose field manager it does not have. */
export function unmanagedIn({ deployment }: ExportedState): ObjectReference[] {
  return (deployment?.resources ?? []).map(unmanaged).filter((object) => object !== undefined);
}

/**
 * The state with the field manager of each object of {@link unmanagedIn}. If several have updated an object, that is
 * the last one: it has all fields that the program had then.
 * @param live The objects that exist. One that was only created, or that somebody applied with kubectl, needs no name: the
 * provider takes over the fields of these managers with its first update.
 */
export function withFieldManagers(state: ExportedState, live: readonly ManagedObject[]): ExportedState {
  const { deployment } = state;
  const managers = new Map(live.map((object) => [keyOf(object), managerOf(object)]));
  const resources = (deployment?.resources ?? []).map((resource) => {
    const object = unmanaged(resource);
    const manager = object && managers.get(keyOf(object));
    if (manager === undefined) return resource;
    return { ...resource, outputs: { ...resource.outputs, [FIELD_MANAGER]: manager } };
  });
  return { ...state, deployment: { ...deployment, resources } };
}

/** The state of a backup without field managers: an object that was deleted and created again since has another one. */
export function withoutFieldManagers(state: ExportedState): ExportedState {
  const { deployment } = state;
  const resources = (deployment?.resources ?? []).map((resource) => {
    if (resource.outputs === undefined) return resource;
    const { [FIELD_MANAGER]: _, ...outputs } = resource.outputs;
    return { ...resource, outputs };
  });
  return { ...state, deployment: { ...deployment, resources } };
}

function unmanaged({ type, inputs, outputs = {} }: StateResource): ObjectReference | undefined {
  if (!type.startsWith('kubernetes:') || inputs === undefined || FIELD_MANAGER in outputs) return undefined;
  const { apiVersion, kind, metadata } = inputs as unknown as ObjectReference;
  const { name, namespace } = metadata;
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) } };
}

const keyOf = ({ apiVersion, kind, metadata: { name, namespace = '' } }: ObjectReference): string =>
  [apiVersion, kind, namespace, name].join(' ');

function managerOf({ metadata: { managedFields = [] } }: ManagedObject): string | undefined {
  return managedFields
    .filter(({ manager }) => manager.startsWith(MADE_UP))
    .toSorted((a, b) => (a.time ?? '').localeCompare(b.time ?? ''))
    .at(-1)?.manager;
}
