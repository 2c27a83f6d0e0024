import type { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import * as pulumi from '@pulumi/pulumi';

/**
 * Options of every Secret. `kubectl apply` writes a copy of the data into an annotation, and a refresh takes annotations into
 * the state: so the state has the metadata of Secrets encrypted, too.
 */
export const HIDDEN_METADATA = { additionalSecretOutputs: ['metadata'] };

/** The name of a Secret with {@link HIDDEN_METADATA}; a name is no secret. */
export const nameOf = ({ metadata }: Secret): pulumi.Output<string> => pulumi.unsecret(metadata.name);
