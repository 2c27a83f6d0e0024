import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import * as pulumi from '@pulumi/pulumi';

import { labels, NAMES, PATHS } from '../names.ts';
import { sha256 } from '../sha256.ts';

const FILE = 'certificates.pem';

/** Arguments of {@link Certificates}. */
export interface CertificatesArgs {
  readonly namespace: pulumi.Input<string>;
  /** Certificates of authorities, in PEM. */
  readonly pem: string;
}

/** The certificates of private authorities, in a ConfigMap. */
export class Certificates extends pulumi.ComponentResource {
  readonly configMapName: pulumi.Output<string>;
  /** Changes if and only if they do. */
  readonly checksum: string;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, { namespace, pem }: CertificatesArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:Certificates', name, {}, opts);
    const metadata = { name: NAMES.certificates, namespace, labels: labels('namespace') };
    const configMap = new ConfigMap(`${name}-configmap`, { metadata, data: { [FILE]: pem } }, { parent: this });
    this.configMapName = configMap.metadata.name;
    this.checksum = sha256(pem);
    this.registerOutputs({ configMapName: this.configMapName, checksum: this.checksum });
  }
}

/** What makes Node.js in a container trust them; empty without certificates. */
export function trusting(certificates: Certificates | undefined) {
  if (!certificates) return { environment: {}, mounts: [], volumes: [] };
  return {
    environment: { NODE_EXTRA_CA_CERTS: `${PATHS.certificates}/${FILE}` },
    mounts: [{ name: 'certificates', mountPath: PATHS.certificates, readOnly: true }],
    volumes: [{ name: 'certificates', configMap: { name: certificates.configMapName } }],
  };
}
