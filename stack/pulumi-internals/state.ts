/**
 * Changes to an exported state, for `pulumi stack import`. `pulumi` has no commands for them: `pulumi refresh` asks a person
 * about each resource that was being created, and `pulumi state delete` of an image requires that everything that depends on
 * it is deleted too. `test/e2e/recovery.test.ts` kills updates and shows that the next one continues.
 * @module
 */
import { idOf } from './resource-id.ts';

export const IMAGE_TYPE = 'docker:index/image:Image';

/** A resource in an exported state, with the fields that the command line reads. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Record<string, unknown>;
  readonly outputs?: Record<string, unknown>;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}

/** The output of `pulumi stack export`. Other fields are kept. */
export interface ExportedState {
  readonly deployment?: {
    readonly resources?: readonly StateResource[] | null;
    readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[] | null;
  };
}

/** Whether a stack has no resources. */
export const isEmpty = ({ deployment }: ExportedState): boolean => (deployment?.resources ?? []).length === 0;

/**
 * Adds to the state what an update was creating when it was killed. It may or may not exist: the engine does not check, and
 * creating an existing object would fail. An update begins with a refresh, which removes what does not exist.
 * @returns undefined if nothing was being created.
 */
export function withPending(state: ExportedState): { state: ExportedState; names: string[] } | undefined {
  const { deployment = {} } = state;
  const creating = (deployment.pending_operations ?? []).filter(({ type }) => type === 'creating');
  if (creating.length === 0) return undefined;
  const resources = deployment.resources ?? [];
  const known = new Set(resources.map(({ urn }) => urn));
  const azure = resources.find(({ type }) => type === 'pulumi:providers:azure-native')?.inputs;
  const subscription = azure?.['subscriptionId'] as string | undefined;
  const adopted = creating
    .map(({ resource }) => resource)
    .filter(({ urn }) => !known.has(urn))
    .flatMap((resource) => {
      const id = idOf(resource, subscription);
      if (id === undefined) return [];
      // Without outputs, the provider for Azure treats a resource as imported.
      return [{ ...resource, id, outputs: resource.type.startsWith('kubernetes:') ? (resource.inputs ?? {}) : {} }];
    });
  return {
    state: { ...state, deployment: { ...deployment, resources: [...resources, ...adopted], pending_operations: [] } },
    names: creating.map(({ resource }) => resource.urn.split('::').at(-1) ?? resource.urn),
  };
}

/**
 * Removes the built image from the state. Otherwise an update that builds no image would need Docker, which may not be
 * installed. The provider neither reads nor deletes an image.
 * @returns undefined if there is none.
 */
export function withoutImage(state: ExportedState): ExportedState | undefined {
  const { deployment = {} } = state;
  const resources = deployment.resources ?? [];
  const image = resources.find(({ type }) => type === IMAGE_TYPE)?.urn;
  if (image === undefined) return undefined;
  const others = (urns: readonly string[] = []): string[] => urns.filter((urn) => urn !== image);
  const kept = resources
    .filter(({ urn }) => urn !== image)
    .map((resource) => ({
      ...resource,
      dependencies: others(resource.dependencies),
      propertyDependencies: Object.fromEntries(
        Object.entries(resource.propertyDependencies ?? {}).map(([property, urns]) => [property, others(urns ?? [])]),
      ),
    }));
  return { ...state, deployment: { ...deployment, resources: kept } };
}
