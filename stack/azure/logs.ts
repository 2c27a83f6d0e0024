import { getWorkspaceOutput } from '@pulumi/azure-native/operationalinsights/getWorkspace.js';
import { Workspace } from '@pulumi/azure-native/operationalinsights/workspace.js';
import * as pulumi from '@pulumi/pulumi';

import { tags } from './place.ts';
import type { Place } from './place.ts';
import type { AzureConfig, Named } from '../config/azure.ts';

/** Arguments of {@link LogWorkspace}. */
export interface LogWorkspaceArgs extends Pick<AzureConfig, 'logsDays'> {
  readonly logs: Named;
  readonly place: Place;
  /** Refuse to delete it, and the logs with it. */
  readonly protectData: boolean;
}

/** A Log Analytics workspace: created, or looked up and left unchanged. */
export class LogWorkspace extends pulumi.ComponentResource {
  readonly id: pulumi.Output<string>;
  readonly location: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(
    name: string,
    { logs, logsDays, place, protectData }: LogWorkspaceArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super('claude-code-agent:azure:LogWorkspace', name, {}, opts);
    if (logs.kind === 'existing') {
      const found = getWorkspaceOutput({ resourceGroupName: logs.group, workspaceName: logs.name }, { parent: this });
      this.id = found.id;
      this.location = found.location;
    } else {
      const workspace = new Workspace(
        `${name}-workspace`,
        { ...place, workspaceName: logs.name, sku: { name: 'PerGB2018' }, retentionInDays: logsDays, tags: tags() },
        { parent: this, protect: protectData },
      );
      this.id = workspace.id;
      this.location = workspace.location;
    }
    this.registerOutputs({ id: this.id });
  }
}
