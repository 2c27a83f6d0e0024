import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import * as pulumi from '@pulumi/pulumi';

import { HIDDEN_METADATA, nameOf } from './kept-secret.ts';
import { labels, NAMES } from '../../names.ts';
import { encoded } from '../../session/secret-keys.ts';

/** The key of {@link TracingHeaders}'s Secret, and so the name of its file. */
export const TRACING_KEY = 'headers';

/** Arguments of {@link TracingHeaders}. */
export interface TracingHeadersArgs {
  readonly namespace: pulumi.Input<string>;
  /** `KEY=VALUE` pairs, separated by commas. */
  readonly headers: pulumi.Output<string>;
}

/** The headers for the collector of traces, in a Secret. The agent reads the file for each request, so a change replaces no pod. */
export class TracingHeaders extends pulumi.ComponentResource {
  readonly secretName: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: TracingHeadersArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:TracingHeaders', name, {}, opts);
    const secret = new Secret(
      `${name}-secret`,
      {
        metadata: { name: NAMES.tracingSecret, namespace: args.namespace, labels: labels('agent') },
        type: 'Opaque',
        data: pulumi.secret({ [TRACING_KEY]: args.headers.apply(encoded) }),
      },
      { parent: this, ...HIDDEN_METADATA },
    );
    this.secretName = nameOf(secret);
    this.registerOutputs({ secretName: this.secretName });
  }
}
