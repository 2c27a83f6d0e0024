import * as pulumi from '@pulumi/pulumi';

import type { Federation } from '../../config/federation.ts';
import { sha256 } from '../../sha256.ts';
import { checksumOf, keptSecret, nameOf } from './kept-secret.ts';
import { labels, NAMES } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { encoded } from '../../session/secret-keys.ts';
import type { MountedSecret } from './session.ts';

/** A credential, and a checksum that changes with it. */
export type Login =
  | (MountedSecret & { readonly kind: 'session' | 'credential' })
  | { readonly kind: 'federation'; readonly federation: Federation; readonly checksum: pulumi.Output<string> };

/** Key of the Secret with an OAuth token or API key, and name of the file for every kind of credential. */
export const CREDENTIAL_KEY = 'token';

/** Arguments of {@link CredentialSecret}. */
export interface CredentialSecretArgs {
  readonly namespace: pulumi.Input<string>;
  /** An OAuth token or API key. Undefined: the Secret in the cluster stays unchanged. */
  readonly claudeToken: pulumi.Output<string> | undefined;
}

/** An OAuth token of `claude setup-token`, or an API key, in a Secret that the pod mounts as a file. */
export class CredentialSecret extends pulumi.ComponentResource implements MountedSecret {
  readonly secretName: pulumi.Output<string>;
  readonly items = pulumi.output([{ key: CREDENTIAL_KEY, path: CREDENTIAL_KEY }]);
  readonly checksum: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: CredentialSecretArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:CredentialSecret', name, {}, opts);
    const secret = keptSecret(
      `${name}-secret`,
      {
        secretName: NAMES.credentialSecret,
        namespace: args.namespace,
        labels: labels('agent'),
        data: args.claudeToken?.apply((token) => ({ [CREDENTIAL_KEY]: encoded(token.trim()) })),
        missing: `There is no token or key for Claude Code, and the cluster has none yet. Set it: \`${npmRun('pulumi', 'config set --secret claudeToken')}\`.`,
      },
      { parent: this },
    );
    this.secretName = nameOf(secret);
    this.checksum = checksumOf(secret.data);
    this.registerOutputs({ secretName: this.secretName, checksum: this.checksum });
  }
}

/** What the pod mounts instead of a Secret. */
export function federatedLogin(federation: Federation) {
  return { kind: 'federation', federation, checksum: pulumi.output(sha256(JSON.stringify(federation))) } as const;
}
