import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import * as pulumi from '@pulumi/pulumi';

import { sha256 } from '../../sha256.ts';

/**
 * Options of every Secret: the state has its metadata encrypted, too. `kubectl apply` writes a copy of the data into an
 * annotation, which a refresh would write to the state.
 */
export const HIDDEN_METADATA = { additionalSecretOutputs: ['metadata'] };

/** The name of a Secret with {@link HIDDEN_METADATA}; the name is not secret. */
export const nameOf = ({ metadata }: Secret): pulumi.Output<string> => pulumi.unsecret(metadata.name);

/**
 * Checksum of a Secret's data in the cluster, for an annotation of a pod template: the pod is replaced if and only if the
 * data changed. Not secret itself: a digest of tokens of 128 bits and more reveals nothing about them.
 */
export function checksumOf(data: pulumi.Output<Record<string, string>>): pulumi.Output<string> {
  const sum = data.apply((entries) =>
    sha256(JSON.stringify(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)))),
  );
  return pulumi.unsecret(sum);
}

/** Arguments of {@link keptSecret}. */
export interface KeptSecretArgs {
  /** Name of the Secret in the cluster. */
  readonly secretName: string;
  readonly namespace: pulumi.Input<string>;
  readonly labels: Record<string, string>;
  /** Values in base64 by key; undefined if this machine has none. */
  readonly data: pulumi.Input<Record<string, string>> | undefined;
  /** The error if this machine has no data and the stack has no Secret yet. */
  readonly missing: string;
  /** Called before an update with the data (base64) in the state and the data that would replace it. */
  readonly beforeUpdate?: (old: Record<string, string>, next: Record<string, string>) => void;
}

/**
 * A Secret that stays unchanged if this machine has no data for it: the engine then takes the data from the state. If there is
 * no Secret yet either, creating it is an error in preview and in update.
 * @param name The _unique_ name of the resource.
 */
export function keptSecret(name: string, args: KeptSecretArgs, opts: pulumi.CustomResourceOptions): Secret {
  const { data, beforeUpdate } = args;
  const hook = (when: string, run: (hookArgs: pulumi.ResourceHookArgs) => Promise<void>): pulumi.ResourceHook =>
    new pulumi.ResourceHook(`${name}-${when}`, run, { onDryRun: true });
  const hooks: pulumi.ResourceHookBinding = {};
  if (data === undefined) hooks.beforeCreate = [hook('has-data', () => Promise.reject(new Error(args.missing)))];
  if (data !== undefined && beforeUpdate !== undefined) {
    hooks.beforeUpdate = [
      hook('is-allowed', async ({ oldOutputs, newInputs }) => {
        beforeUpdate(await dataOf(oldOutputs), await dataOf(newInputs));
      }),
    ];
  }
  return new Secret(
    name,
    {
      metadata: {
        name: args.secretName,
        namespace: args.namespace,
        labels: args.labels,
      },
      type: 'Opaque',
      data: pulumi.secret(data ?? {}),
    },
    { ...opts, ...HIDDEN_METADATA, hooks, ignoreChanges: data === undefined ? ['data'] : [] },
  );
}

/** The engine passes secrets to a hook as outputs. */
async function dataOf(properties: Record<string, unknown> | undefined): Promise<Record<string, string>> {
  const { data } = await new Promise<Record<string, unknown>>((resolve) => {
    pulumi.output(properties ?? {}).apply(resolve);
  });
  if (typeof data !== 'object' || data === null) return {};
  return Object.fromEntries(
    Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
