import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import * as pulumi from '@pulumi/pulumi';

import { checksumOf, HIDDEN_METADATA, nameOf } from './kept-secret.ts';
import { labels, NAMES } from '../../names.ts';
import { encoded } from '../../session/secret-keys.ts';

/** Arguments of {@link GitCredentials}. */
export interface GitCredentialsArgs {
  readonly namespace: pulumi.Input<string>;
  /** A JSON object: tokens and private keys by name. */
  readonly all: pulumi.Output<string>;
  /** Those that git hosts use; the agent gets no others. */
  readonly names: readonly string[];
}

/** Tokens and private keys for git hosts, in a Secret with a file for each. */
export class GitCredentials extends pulumi.ComponentResource {
  readonly secretName: pulumi.Output<string>;
  /** Changes if and only if one of them does. */
  readonly checksum: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: GitCredentialsArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:GitCredentials', name, {}, opts);
    const { namespace, names } = args;
    const all = args.all.apply((text) => JSON.parse(text) as Readonly<Record<string, string>>);
    // Only a preview without the secrets lacks one.
    const data = names.map((file) => [file, all.apply((values) => encoded(values[file] ?? ''))] as const);
    const secret = new Secret(
      `${name}-secret`,
      {
        metadata: { name: NAMES.gitSecret, namespace, labels: labels('agent') },
        type: 'Opaque',
        data: pulumi.secret(Object.fromEntries(data)),
      },
      { parent: this, ...HIDDEN_METADATA },
    );
    this.secretName = nameOf(secret);
    this.checksum = checksumOf(secret.data);
    this.registerOutputs({ secretName: this.secretName, checksum: this.checksum });
  }
}
