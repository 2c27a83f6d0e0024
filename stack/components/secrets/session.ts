import * as pulumi from '@pulumi/pulumi';

import { CREDENTIALS_FILE } from '../../../agent/contract.ts';
import { checksumOf, nameOf, keptSecret } from './kept-secret.ts';
import { expiryOf } from '../../session/credentials.ts';
import { labels, NAMES } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { pathOfKey } from '../../session/secret-keys.ts';
import type { Seed } from '../../session/seed.ts';

/** Arguments of {@link SessionSecret}. */
export interface SessionSecretArgs {
  readonly namespace: pulumi.Input<string>;
  /** The login of this machine. If there is none, the Secret in the cluster stays unchanged. */
  readonly seed: Seed;
}

/** A Secret and how a pod mounts it. */
export interface MountedSecret {
  readonly secretName: pulumi.Output<string>;
  /** The file for each key. */
  readonly items: pulumi.Output<{ key: string; path: string }[]>;
  /** Changes if and only if the data in the cluster does. */
  readonly checksum: pulumi.Output<string>;
}

/** The seed of the pod's login, from the operator's own login. An older login never replaces a newer one. */
export class SessionSecret extends pulumi.ComponentResource implements MountedSecret {
  readonly secretName: pulumi.Output<string>;
  readonly items: pulumi.Output<{ key: string; path: string }[]>;
  readonly checksum: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: SessionSecretArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:SessionSecret', name, {}, opts); // No inputs: the state has a component's inputs in plain text.
    const { seed } = args;
    const secret = keptSecret(
      `${name}-secret`,
      {
        secretName: NAMES.sessionSecret,
        namespace: args.namespace,
        labels: labels('agent'),
        data: seed.kind === 'files' ? seed.data : undefined,
        missing: `There is no login to seed the pod with (${seed.kind === 'none' ? seed.reason : ''}), and the cluster has none yet. Run \`${npmRun('login')}\`, then try again.`,
        beforeUpdate: refuseOlder,
      },
      { parent: this },
    );
    this.secretName = nameOf(secret);
    this.items = pulumi.unsecret(
      secret.data.apply((data) =>
        Object.keys(data)
          .sort()
          .map((key) => ({ key, path: pathOfKey(key) })),
      ),
    );
    this.checksum = checksumOf(secret.data);
    this.registerOutputs({ secretName: this.secretName, checksum: this.checksum });
  }
}

/**
 * @throws Error when the login of this machine is older than the one that the stack has. A refresh token works once, so the
 * older login is most likely invalid and would log the pod out.
 */
function refuseOlder(old: Record<string, string>, next: Record<string, string>): void {
  const has = expiryOf(Buffer.from(old[CREDENTIALS_FILE] ?? '', 'base64'));
  const offered = expiryOf(Buffer.from(next[CREDENTIALS_FILE] ?? '', 'base64'));
  if (has === undefined || offered === undefined || offered >= has) return;
  throw new Error(
    `The login on this machine (its token expires ${iso(offered)}) is older than the one the stack has (${iso(has)}) and would log the pod out. ` +
      `Log in again: \`${npmRun('login')}\`. Or keep the one in the cluster: \`${npmRun('pulumi', 'config set sessionFrom cluster')}\`.`,
  );
}

const iso = (ms: number): string => new Date(ms).toISOString();
