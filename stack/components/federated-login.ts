import * as pulumi from '@pulumi/pulumi';

import { sha256 } from '../session/checksum.ts';
import type { Federation } from '../config/federation.ts';

/** What the pod mounts in place of a Secret. */
export function federatedLogin(federation: Federation) {
  return { kind: 'federation', federation, checksum: pulumi.output(sha256(JSON.stringify(federation))) } as const;
}
