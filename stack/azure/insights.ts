import { DataCollectionRule } from '@pulumi/azure-native/monitor/dataCollectionRule.js';
import { DataCollectionRuleAssociation } from '@pulumi/azure-native/monitor/dataCollectionRuleAssociation.js';
import { DiagnosticSetting } from '@pulumi/azure-native/monitor/diagnosticSetting.js';
import type * as pulumi from '@pulumi/pulumi';

import { NAMES } from '../names.ts';
import { tags } from './place.ts';
import type { Place } from './place.ts';
import type { LogWorkspace } from './logs.ts';

/** What {@link containerInsights} needs. */
export interface ContainerInsightsArgs {
  readonly place: Place;
  readonly logs: LogWorkspace;
  readonly clusterId: pulumi.Output<string>;
}

/** The stream with the logs, inventory and performance data of containers. */
const STREAMS = ['Microsoft-ContainerInsights-Group-Default'];
const DESTINATION = 'workspace';

/** Sends the logs of containers and the audit logs of the control plane to a workspace. */
export function containerInsights(
  name: string,
  { place, logs, clusterId }: ContainerInsightsArgs,
  opts: pulumi.CustomResourceOptions,
): void {
  const rule = new DataCollectionRule(
    `${name}-insights-rule`,
    {
      resourceGroupName: place.resourceGroupName,
      // A rule must be in the location of its workspace.
      location: logs.location,
      dataCollectionRuleName: `dcr-${NAMES.namespace}`,
      kind: 'Linux',
      dataSources: {
        extensions: [
          {
            name: 'ContainerInsightsExtension',
            extensionName: 'ContainerInsights',
            streams: STREAMS,
            extensionSettings: {
              dataCollectionSettings: { interval: '1m', namespaceFilteringMode: 'Off', enableContainerLogV2: true },
            },
          },
        ],
      },
      destinations: { logAnalytics: [{ name: DESTINATION, workspaceResourceId: logs.id }] },
      dataFlows: [{ streams: STREAMS, destinations: [DESTINATION] }],
      tags: tags(),
    },
    opts,
  );
  new DataCollectionRuleAssociation(
    `${name}-insights`,
    // The name that AKS looks for.
    { associationName: 'ContainerInsightsExtension', resourceUri: clusterId, dataCollectionRuleId: rule.id },
    opts,
  );
  // The audit log without reads: who changed what, and who was let in.
  diagnostics(`${name}-diagnostics`, clusterId, logs, ['kube-audit-admin', 'guard', 'cluster-autoscaler'], opts);
}

/** Sends categories of a resource's own logs to a workspace. */
export function diagnostics(
  name: string,
  resourceUri: pulumi.Output<string>,
  logs: LogWorkspace,
  categories: readonly string[],
  opts: pulumi.CustomResourceOptions,
): void {
  new DiagnosticSetting(
    name,
    {
      name: NAMES.namespace,
      resourceUri,
      workspaceId: logs.id,
      logs: categories.map((category) => ({ category, enabled: true })),
    },
    opts,
  );
}
