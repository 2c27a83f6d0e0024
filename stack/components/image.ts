import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';

import { imageTag } from './image-inputs.ts';
import { NAMES } from '../names.ts';

/** Arguments of {@link AgentImage}. */
export interface AgentImageArgs {
  readonly registry: pulumi.Input<string>;
  /** Called before a push, and only then. */
  readonly beforePush?: (() => Promise<void>) | undefined;
  /** An image by digest, to use instead of building one. */
  readonly pinned: string | undefined;
  /** Base image of the build. */
  readonly nodeImage: string;
  readonly platform: string;
  /** Root of the repository. */
  readonly projectDir: string;
}

/** The image that the agent and the watchdog run: built and pushed, or pinned. */
export class AgentImage extends pulumi.ComponentResource {
  /** The image by digest. The output fails if the push returned none. */
  readonly reference: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: AgentImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:AgentImage', name, {}, opts);
    this.reference = args.pinned === undefined ? this.#build(name, args) : pulumi.output(args.pinned);
    this.registerOutputs({ reference: this.reference });
  }

  #build(name: string, args: AgentImageArgs): pulumi.Output<string> {
    const { registry, beforePush, nodeImage, platform, projectDir } = args;
    const login = beforePush && [new pulumi.ResourceHook(`${name}-before-push`, () => beforePush())];
    const buildArguments = { NODE_IMAGE: nodeImage };
    const image = new docker.Image(
      `${name}-build`,
      {
        imageName: pulumi.interpolate`${registry}/${NAMES.image}:${imageTag(projectDir, { ...buildArguments, platform })}`,
        build: {
          // Relative to `stack`, where Pulumi runs the program and its plugins. An absolute path differs between machines, so
          // that each would build again.
          context: '..',
          dockerfile: '../agent/Dockerfile',
          args: buildArguments,
          platform,
        },
      },
      { parent: this, ...(login && { hooks: { beforeCreate: login, beforeUpdate: login } }) },
    );
    return image.repoDigest.apply(byDigest);
  }
}

/** @throws Error when a reference has no digest: the provider returns `<none>@<none>` if the registry returned none. */
function byDigest(reference: string): string {
  if (/@sha256:[0-9a-f]{64}$/.test(reference)) return reference;
  throw new Error(
    `The push of the image returned no digest, but '${reference}'. Check that the registry is reachable and has the image (\`docker push\` prints more), then run \`up\` again.`,
  );
}
