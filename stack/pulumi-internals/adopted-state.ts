/**
 * A state for a cluster whose state was lost. `pulumi import` would read each object from the provider, but it needs the list
 * of types, names, ids and parents that this file creates, and it can't restore outputs of components such as the update
 * records. `test/e2e/backup.test.ts` shows that an update of such a state replaces nothing.
 * @module
 */
import { randomUUID } from 'node:crypto';

import type { Recorded } from '../plan/record.ts';
import { HISTORY_TYPE } from '../update-record.ts';
import type { RecordTexts } from '../update-record.ts';
import { asInState } from './secrets.ts';
import { idOf } from './resource-id.ts';
import type { StateResource } from './state.ts';

/** An entry of a state, as the engine imports it. */
export interface StateEntry extends StateResource {
  /** False for components. */
  readonly custom: boolean;
  readonly parent?: string;
  /** The URN and id of the provider. */
  readonly provider?: string;
  readonly protect?: boolean;
  readonly additionalSecretOutputs?: readonly string[];
}

const SECRET_TYPE = 'kubernetes:core/v1:Secret';
/** Outputs of a Secret that a refresh encrypts. The metadata too, because kubectl stores a copy of the data there. */
const SECRET_OUTPUTS = ['data', 'stringData', 'metadata'];

/**
 * The state as if all resources of the program existed. An update begins with a refresh, which removes those that do not
 * exist and reads the others. Leaves out what is built (the image) or only looked up.
 * @param resources As the program registers them, in any order.
 */
export function stateOf(
  resources: readonly Recorded[],
  project: string,
  stack: string,
  records: RecordTexts,
): StateEntry[] {
  const root = { urn: urn(stack, project, 'pulumi:pulumi:Stack', `${project}-${stack}`), type: 'pulumi:pulumi:Stack' };
  const byName = new Map(resources.map((resource) => [resource.name, resource]));
  const pathOf = ({ type, parent }: Recorded): string => {
    const above = parent === undefined ? undefined : byName.get(parent);
    return above === undefined ? type : `${pathOf(above)}$${type}`;
  };
  const urnOf = (resource: Recorded): string => urn(stack, project, pathOf(resource), resource.name);
  const provider = resources.find(({ type }) => type === 'pulumi:providers:kubernetes');
  const providerId = randomUUID();
  const entries = resources.flatMap((resource): StateEntry[] => {
    const { type, parent, inputs, isProtected } = resource;
    const above = parent === undefined ? undefined : byName.get(parent);
    const common = { urn: urnOf(resource), type, parent: above === undefined ? root.urn : urnOf(above) };
    if (type.startsWith('claude-code-agent:')) {
      return [{ ...common, custom: false, ...(type === HISTORY_TYPE && { outputs: { records } }) }];
    }
    const known = asInState(inputs) as Record<string, unknown>;
    if (resource === provider) return [{ ...common, custom: true, id: providerId, inputs: known, outputs: known }];
    const id = type.startsWith('kubernetes:') ? idOf({ type, inputs: known }, undefined) : undefined;
    if (id === undefined || provider === undefined) return [];
    const by = `${urnOf(provider)}::${providerId}`;
    const hidden = type === SECRET_TYPE ? { additionalSecretOutputs: SECRET_OUTPUTS } : {};
    return [
      { ...common, custom: true, id, inputs: known, outputs: known, provider: by, protect: isProtected, ...hidden },
    ];
  });
  return [{ ...root, custom: false }, ...parentsFirst(entries)];
}

const urn = (stack: string, project: string, types: string, name: string): string =>
  `urn:pulumi:${stack}::${project}::${types}::${name}`;

/** The engine requires that dependencies precede the resources that depend on them. */
function parentsFirst(entries: readonly StateEntry[]): StateEntry[] {
  const depth = ({ type, urn: own }: StateEntry): number =>
    type === 'pulumi:providers:kubernetes' ? -1 : (own.split('::')[2]?.split('$').length ?? 0);
  return entries.toSorted((a, b) => depth(a) - depth(b));
}
