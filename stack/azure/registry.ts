import { getRegistryOutput } from '@pulumi/azure-native/containerregistry/getRegistry.js';
import { Registry } from '@pulumi/azure-native/containerregistry/registry.js';
import * as pulumi from '@pulumi/pulumi';

import { tags } from './place.ts';
import type { Place } from './place.ts';
import type { AzureConfig } from '../config/azure.ts';

/** Arguments of {@link ContainerRegistry}. */
export interface ContainerRegistryArgs extends Pick<AzureConfig, 'registry' | 'registrySku'> {
  readonly place: Place;
  /** Refuse to delete it, and every earlier image with it. */
  readonly protectData: boolean;
}

/** The registry of the image: created, or looked up and left unchanged. */
export class ContainerRegistry extends pulumi.ComponentResource {
  readonly id: pulumi.Output<string>;
  /** Its host, such as example.azurecr.io. */
  readonly loginServer: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: ContainerRegistryArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:azure:ContainerRegistry', name, {}, opts);
    const { id, loginServer } = args.registry.kind === 'made' ? this.#make(name, args) : this.#find(args.registry);
    this.id = pulumi.output(id);
    this.loginServer = pulumi.output(loginServer);
    this.registerOutputs({ id: this.id, loginServer: this.loginServer });
  }

  #make(name: string, { registry, registrySku, place, protectData }: ContainerRegistryArgs): Registry {
    return new Registry(
      `${name}-registry`,
      {
        ...place,
        registryName: registry.name,
        sku: { name: registrySku },
        // Pushes and pulls use Entra identities, so there is no password to keep.
        adminUserEnabled: false,
        anonymousPullEnabled: false,
        tags: tags(),
      },
      { parent: this, protect: protectData },
    );
  }

  #find({ group, name }: { readonly group: string; readonly name: string }) {
    return getRegistryOutput({ resourceGroupName: group, registryName: name }, { parent: this });
  }
}
