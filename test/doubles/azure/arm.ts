import { ARM_TYPES } from './names.ts';
import { withChanges } from './patch.ts';
import { readOnlyOf, withDefaults } from './responses.ts';
import type { ArmSettings } from './responses.ts';
import { mistakesAgainstRules } from './rules.ts';
import { mistakesAgainstSchema, UNKNOWN } from './schema.ts';
import type { Store, Stored } from './store.ts';

type Json = Record<string, unknown>;

/** A resource in the state of a stack. */
export interface ArmResource {
  readonly id: string;
  readonly outputs: Json;
}

/** Thrown when Azure Resource Manager refuses. */
export class ArmError extends Error {
  override readonly name = 'ArmError';
}

/** The part of Azure Resource Manager that the stack uses. */
export class Arm {
  readonly settings: ArmSettings;
  readonly #store: Store;

  constructor(store: Store, settings: ArmSettings) {
    this.#store = store;
    this.settings = settings;
  }

  /** Errors in inputs that can be found before anything is created. */
  mistakes(token: string, inputs: Json): string[] {
    const type = ARM_TYPES[token];
    if (type === undefined) return [`${token} is no type of resource that this double knows`];
    const name = inputs[type.nameInput];
    return [
      ...mistakesAgainstSchema(token, inputs),
      ...(type.needs ?? []).filter((key) => inputs[key] === undefined).map((key) => `${key} is required by Azure`),
      ...(name === UNKNOWN || type.name.test(String(name))
        ? []
        : [`${type.nameInput} ${String(name)} is no valid name`]),
    ];
  }

  create(token: string, inputs: Json): ArmResource {
    const id = this.#idOf(token, inputs);
    if (this.#store.get(id) !== undefined) throw new ArmError(`cannot create already existing resource '${id}'`);
    const parent = ARM_TYPES[token]?.parent(inputs, this.settings.subscription) ?? '';
    if (!/^\/subscriptions\/[^/]+$/.test(parent) && this.#store.get(parent) === undefined) {
      throw new ArmError(`Code="ParentResourceNotFound" Message="'${parent}' could not be found."`);
    }
    return this.#put(id, token, inputs);
  }

  update(id: string, token: string, inputs: Json): ArmResource {
    if (this.#store.get(id) === undefined) throw new ArmError(`Code="ResourceNotFound" Message="${id}"`);
    return this.#put(id, token, inputs);
  }

  /** The current state of a resource, with the inputs that would result in it; undefined if it is gone. */
  read(id: string, outputs: Json): (ArmResource & { readonly inputs: Json }) | undefined {
    const stored = this.#store.get(id);
    if (stored === undefined) return undefined;
    const keys = Object.keys(stored.readOnly);
    const before = Object.fromEntries(
      Object.entries(outputs).filter(([key]) => key !== '__inputs' && !keys.includes(key)),
    );
    const inputs = withChanges(outputs['__inputs'] ?? {}, before, stored.body) as Json;
    return { id, inputs, outputs: outputsOf(stored, inputs) };
  }

  /** Deleting a group deletes its resources. */
  delete(id: string): void {
    for (const [key] of this.#store.below(id)) this.#store.delete(key);
    this.#store.delete(id);
    const [, cluster, pool] = /^(.*\/managedclusters\/[^/]+)\/agentpools\/([^/]+)$/i.exec(id) ?? [];
    if (cluster !== undefined) this.#changePools(cluster, (pools) => pools.filter(({ name }) => name !== pool));
  }

  /** Calls a function, such as getRegistry. */
  call(token: string, inputs: Json): Json {
    const mistakes = mistakesAgainstSchema(token, inputs);
    if (mistakes.length > 0) throw new ArmError(mistakes.join('; '));
    const name = token.split(':').at(-1) ?? '';
    const resource = `${token.split(':').slice(0, 2).join(':')}:${name.replace(/^get/, '')}`;
    if (name === 'listManagedClusterUserCredentials') {
      this.#find('azure-native:containerservice:ManagedCluster', inputs);
      const value = Buffer.from(this.settings.kubeconfig).toString('base64');
      return { kubeconfigs: [{ name: 'clusterUser', value }] };
    }
    if (ARM_TYPES[resource] === undefined) throw new ArmError(`${token} is no function that this double knows`);
    const { id, stored } = this.#find(resource, inputs);
    return { ...outputsOf(stored), id };
  }

  #find(token: string, inputs: Json): { id: string; stored: Stored } {
    const id = this.#idOf(token, inputs);
    const stored = this.#store.get(id);
    if (stored === undefined)
      throw new ArmError(`Status=404 Code="ResourceNotFound" Message="The Resource '${id}' was not found."`);
    return { id, stored };
  }

  #idOf(token: string, inputs: Json): string {
    const type = ARM_TYPES[token];
    if (type === undefined) throw new ArmError(`${token} is no type of resource that this double knows`);
    const { parent, path, nameInput } = type;
    return parent(inputs, this.settings.subscription) + path.replace('NAME', String(inputs[nameInput]));
  }

  #put(id: string, token: string, inputs: Json): ArmResource {
    const before = this.#store.get(id);
    const mistakes = [...this.mistakes(token, inputs), ...mistakesAgainstRules(token, inputs, before)];
    if (mistakes.length > 0) throw new ArmError(`Code="BadRequest" Message="${mistakes.join('; ')}"`);
    const body = withDefaults(token, inputs, before?.body);
    const stored = { token, body, readOnly: readOnlyOf(token, id, body, this.settings) };
    this.#store.set(id, stored);
    const [cluster] = id.split('/agentPools/');
    if (cluster !== undefined && cluster !== id) {
      const name = String(inputs['agentPoolName']);
      const pool = Object.fromEntries(
        Object.entries(body).filter(([key]) => !/^(resourceGroupName|resourceName|agentPoolName)$/.test(key)),
      );
      this.#changePools(cluster, (pools) => [...pools.filter((other) => other.name !== name), { ...pool, name }]);
    }
    return { id, outputs: outputsOf(stored, inputs) };
  }

  /** A cluster lists all its pools. */
  #changePools(cluster: string, change: (pools: { name: string }[]) => object[]): void {
    const stored = this.#store.get(cluster);
    if (stored === undefined) return;
    const pools = change((stored.body['agentPoolProfiles'] ?? []) as { name: string }[]);
    this.#store.set(cluster, { ...stored, body: { ...stored.body, agentPoolProfiles: pools } });
  }
}

const outputsOf = ({ body, readOnly }: Stored, inputs?: Json): Json => ({
  ...body,
  ...readOnly,
  ...(inputs && { __inputs: inputs }),
});
