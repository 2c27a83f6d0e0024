import { createHash } from 'node:crypto';

import * as pulumi from '@pulumi/pulumi';

/** SHA-256 in lower-case hex. */
export const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

/**
 * Checksum of a Secret's data as the cluster has it, for an annotation of a pod template: the pod is replaced when, and
 * only when, the data changed. Not a secret itself: a digest of tokens of 128 bits and more tells nothing of them.
 */
export function checksumOf(data: pulumi.Output<Record<string, string>>): pulumi.Output<string> {
  const sum = data.apply((entries) =>
    sha256(JSON.stringify(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)))),
  );
  return pulumi.unsecret(sum);
}
