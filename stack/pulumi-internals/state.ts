/**
 * Edits of an exported state that `pulumi stack import` takes back. `pulumi` has no command for them: `pulumi refresh` asks
 * a person what became of each resource that was being made, and `pulumi state delete` of an image also wants all that
 * depends on it gone. `test/e2e/recovery.test.ts` kills updates and shows that the next one goes on.
 * @module
 */
import { idOf } from './resource-id.ts';

export const IMAGE_TYPE = 'docker:index/image:Image';

/** A resource in an exported state, as far as the command line looks at it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Record<string, unknown>;
  readonly outputs?: Record<string, unknown>;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}

/** What `pulumi stack export` gives; fields that are not named here are kept. */
export interface ExportedState {
  readonly deployment?: {
    readonly resources?: readonly StateResource[] | null;
    readonly pending_operations?: readonly { readonly type: string; readonly resource: StateResource }[] | null;
  };
}

/** Whether a stack has nothing. */
export const isEmpty = ({ deployment }: ExportedState): boolean => (deployment?.resources ?? []).length === 0;

/**
 * Takes into the state what an update was making when it was killed: it may be there or not, the engine does not look,
 * and making it again would fail where it is. An update begins with a refresh, which drops what is not there.
 * @returns undefined where nothing was being made.
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
      // The provider for Azure takes what it did not make itself for imported where there are no outputs.
      return [{ ...resource, id, outputs: resource.type.startsWith('kubernetes:') ? (resource.inputs ?? {}) : {} }];
    });
  return {
    state: { ...state, deployment: { ...deployment, resources: [...resources, ...adopted], pending_operations: [] } },
    names: creating.map(({ resource }) => resource.urn.split('::').at(-1) ?? resource.urn),
  };
}

/**
 * Takes out the image that was built. An update that builds none would ask Docker for it, which need not be there; and
 * the provider neither reads nor deletes an image.
 * @returns undefined where there is none.
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
