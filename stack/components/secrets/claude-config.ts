import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import * as pulumi from '@pulumi/pulumi';

import { checksumOf, HIDDEN_METADATA, nameOf } from './kept-secret.ts';
import { labels, NAMES } from '../../names.ts';
import { encoded } from '../../session/secret-keys.ts';

/** Keys of the Secret, and names of its files. */
export const CONFIG_FILES = { mcpServers: 'mcp.json', claudeSettings: 'settings.json' } as const;

/** Arguments of {@link ClaudeConfig}; each is a JSON object. */
export interface ClaudeConfigArgs {
  readonly namespace: pulumi.Input<string>;
  /** MCP servers by name. */
  readonly mcpServers: pulumi.Output<string> | undefined;
  /** Settings of `claude`. */
  readonly claudeSettings: pulumi.Output<string> | undefined;
}

/** MCP servers and settings of `claude`, in a Secret because they contain keys and headers. */
export class ClaudeConfig extends pulumi.ComponentResource {
  readonly secretName: pulumi.Output<string>;
  /** The files in it. */
  readonly files: readonly (keyof typeof CONFIG_FILES)[];
  /** Changes if and only if one of them does. */
  readonly checksum: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: ClaudeConfigArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:ClaudeConfig', name, {}, opts);
    const { namespace, mcpServers, claudeSettings } = args;
    const contents = {
      mcpServers: mcpServers?.apply((text): object => ({ mcpServers: JSON.parse(text) as object })),
      claudeSettings: claudeSettings?.apply((text) => JSON.parse(text) as object),
    };
    const given = (Object.keys(CONFIG_FILES) as (keyof typeof CONFIG_FILES)[]).flatMap((key) =>
      contents[key] === undefined ? [] : [{ key, content: contents[key] }],
    );
    const data = Object.fromEntries(
      given.map(({ key, content }) => [CONFIG_FILES[key], content.apply((value) => encoded(JSON.stringify(value)))]),
    );
    const secret = new Secret(
      `${name}-secret`,
      {
        metadata: { name: NAMES.configSecret, namespace, labels: labels('agent') },
        type: 'Opaque',
        data: pulumi.secret(data),
      },
      { parent: this, ...HIDDEN_METADATA },
    );
    this.files = given.map(({ key }) => key);
    this.secretName = nameOf(secret);
    this.checksum = checksumOf(secret.data);
    this.registerOutputs({ secretName: this.secretName, checksum: this.checksum });
  }
}
